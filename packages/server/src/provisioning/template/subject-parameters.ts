import type { Name, NameAttribute } from '@fleetward/pki';
import { type Refusal, refuse } from '../../enrollment/index.ts';

/** AWS IoT: what a template may take from the subject of a certificate, as `AWS::IoT::Certificate::…`. */
export const subjectParameters = {
  Country: 'country',
  Organization: 'organization',
  OrganizationalUnit: 'organizationalUnit',
  DistinguishedNameQualifier: 'dnQualifier',
  StateName: 'state',
  CommonName: 'commonName',
  SerialNumber: 'serialNumber',
} as const satisfies Readonly<Record<string, NameAttribute>>;

/**
 * The parameters that a subject gives, under their names with `prefix` before. An attribute that occurs twice is refused: whoever
 * reads the first and whoever reads the last would see two devices.
 */
export function readSubject(
  subject: Name,
  prefix: '' | 'AWS::IoT::Certificate::',
): { readonly kind: 'read'; readonly parameters: ReadonlyMap<string, string> } | Refusal {
  const parameters = new Map<string, string>();
  for (const [name, attribute] of Object.entries(subjectParameters)) {
    const [text, ...others] = subject.attributes[attribute] ?? [];
    if (others.length > 0) return refuse('parameters_unfit', `the subject has more than one ${attribute}`);
    if (text !== undefined) parameters.set(`${prefix}${name}`, text);
  }
  return { kind: 'read', parameters };
}
