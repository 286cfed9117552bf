/** The name attributes this package knows by name (RFC 5280 §4.1.2.4, RFC 4519). */
export type NameAttribute = keyof typeof nameAttributes;

interface AttributeRule {
  readonly oid: string;
  /** Keyword of the text form (RFC 4514 §3 and common use). */
  readonly keyword: string;
  /** Upper bound in characters (RFC 5280 appendix A.1). */
  readonly charactersMax: number;
  /** RFC 5280 has these as PrintableString only. */
  readonly printable?: boolean;
}

const nameAttributes = {
  commonName: { oid: '2.5.4.3', keyword: 'CN', charactersMax: 64 },
  country: { oid: '2.5.4.6', keyword: 'C', charactersMax: 2, printable: true },
  organization: { oid: '2.5.4.10', keyword: 'O', charactersMax: 64 },
  organizationalUnit: { oid: '2.5.4.11', keyword: 'OU', charactersMax: 64 },
  state: { oid: '2.5.4.8', keyword: 'ST', charactersMax: 128 },
  locality: { oid: '2.5.4.7', keyword: 'L', charactersMax: 128 },
  serialNumber: { oid: '2.5.4.5', keyword: 'serialNumber', charactersMax: 64, printable: true },
  dnQualifier: { oid: '2.5.4.46', keyword: 'dnQualifier', charactersMax: 64, printable: true },
  title: { oid: '2.5.4.12', keyword: 'title', charactersMax: 64 },
  surname: { oid: '2.5.4.4', keyword: 'SN', charactersMax: 64 },
  givenName: { oid: '2.5.4.42', keyword: 'GN', charactersMax: 64 },
  initials: { oid: '2.5.4.43', keyword: 'initials', charactersMax: 64 },
  pseudonym: { oid: '2.5.4.65', keyword: 'pseudonym', charactersMax: 128 },
  generationQualifier: { oid: '2.5.4.44', keyword: 'generationQualifier', charactersMax: 64 },
  emailAddress: { oid: '1.2.840.113549.1.9.1', keyword: 'emailAddress', charactersMax: 255 },
  domainComponent: { oid: '0.9.2342.19200300.100.1.25', keyword: 'DC', charactersMax: 63 },
  userId: { oid: '0.9.2342.19200300.100.1.1', keyword: 'UID', charactersMax: 256 },
} as const satisfies Record<string, AttributeRule>;

const byOid = new Map(
  Object.keys(nameAttributes).map((attribute) => {
    const known = attribute as NameAttribute;
    return [nameAttributes[known].oid as string, known] as const;
  }),
);

/** The attribute of an object identifier, or nothing when this package has no name for it. */
export function nameAttributeOf(oid: string): NameAttribute | undefined {
  return byOid.get(oid);
}

export function attributeRule(attribute: NameAttribute): AttributeRule {
  return nameAttributes[attribute];
}
