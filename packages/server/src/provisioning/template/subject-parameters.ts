import type { Certificate, NameAttribute } from '@fleetward/pki';
import { Unfillable } from './evaluate.ts';

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
 * The parameters that a certificate's subject gives. Throws `Unfillable` for an attribute that occurs twice: whoever reads the first
 * and whoever reads the last would see two devices.
 */
export function parametersOfSubject({ subject }: Certificate): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, attribute] of Object.entries(subjectParameters)) {
    const [text, ...others] = subject.attributes[attribute] ?? [];
    if (others.length > 0) throw new Unfillable(`the subject has more than one ${attribute}`);
    if (text !== undefined) parameters.set(`AWS::IoT::Certificate::${name}`, text);
  }
  return parameters;
}
