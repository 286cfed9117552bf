import type { Certificate, GeneralName, Name, NameAttribute } from '@fleetward/pki';
import type { CertificateContext, CertificateName } from '@fleetward/policy';

/** The certificate as policy variables see it (`iot:Certificate.…`). */
export function certificateContext(certificate: Certificate): CertificateContext {
  return new SeenByPolicies(certificate);
}

/** Names are put together when a policy asks for them: there is one of these for each connection, and few policies ask. */
class SeenByPolicies implements CertificateContext {
  readonly #certificate: Certificate;

  constructor(certificate: Certificate) {
    this.#certificate = certificate;
  }

  get id(): string {
    return this.#certificate.id;
  }

  get serialNumber(): string {
    return this.#certificate.serial;
  }

  get subject(): CertificateName {
    const { subject, extensions } = this.#certificate;
    return nameOf(subject, extensions.subjectAltName);
  }

  get issuer(): CertificateName {
    const { issuer, extensions } = this.#certificate;
    return nameOf(issuer, extensions.issuerAltName);
  }
}

const attributeNames = {
  dnQualifier: 'DistinguishedNameQualifier',
  country: 'Country',
  organization: 'Organization',
  organizationalUnit: 'OrganizationalUnit',
  state: 'State',
  commonName: 'CommonName',
  serialNumber: 'SerialNumber',
  title: 'Title',
  surname: 'Surname',
  givenName: 'GivenName',
  initials: 'Initials',
  pseudonym: 'Pseudonym',
  generationQualifier: 'GenerationQualifier',
} as const satisfies Partial<Record<NameAttribute, keyof CertificateName>>;

const alternativeNames = {
  email: 'RFC822Name',
  dns: 'DNSName',
  directory: 'DirectoryName',
  uri: 'UniformResourceIdentifier',
  ip: 'IPAddress',
} as const;

function nameOf(name: Name, alternatives: readonly GeneralName[] = []): CertificateName {
  const values: Record<string, readonly string[]> = {};
  for (const [attribute, policyName] of Object.entries(attributeNames) as [
    keyof typeof attributeNames,
    string,
  ][]) {
    const found = name.attributes[attribute];
    if (found !== undefined) values[policyName] = found;
  }
  return { ...values, AlternativeName: alternativesOf(alternatives) };
}

function alternativesOf(names: readonly GeneralName[]): NonNullable<CertificateName['AlternativeName']> {
  const values: Partial<Record<(typeof alternativeNames)[keyof typeof alternativeNames], string[]>> = {};
  for (const name of names) {
    if (name.kind === 'other') continue;
    const key = alternativeNames[name.kind];
    values[key] = [...(values[key] ?? []), name.kind === 'directory' ? name.name.text : name.value];
  }
  return values;
}
