/** Where devices with a claim ask for certificates and provision them; the last level, `json` or `cbor`, is the form of both payloads. */
export const provisioningFilters = {
  create: '$aws/certificates/create/+',
  createFromCsr: '$aws/certificates/create-from-csr/+',
  provision: '$aws/provisioning-templates/+/provision/+',
} as const;

/** What is said on `…/rejected`. */
export interface ProvisioningRejected {
  readonly statusCode: number;
  readonly errorCode: string;
  readonly errorMessage: string;
}
