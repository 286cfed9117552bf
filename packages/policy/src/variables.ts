const NAME_ATTRIBUTES = [
  'DistinguishedNameQualifier',
  'Country',
  'Organization',
  'OrganizationalUnit',
  'State',
  'CommonName',
  'SerialNumber',
  'Title',
  'Surname',
  'GivenName',
  'Initials',
  'Pseudonym',
  'GenerationQualifier',
] as const;

const ALTERNATIVE_NAMES = [
  'RFC822Name',
  'DNSName',
  'DirectoryName',
  'UniformResourceIdentifier',
  'IPAddress',
] as const;

/** Attributes of a distinguished name that policies can see. */
export type NameAttribute = (typeof NAME_ATTRIBUTES)[number];
/** Kinds of alternative names that policies can see. */
export type AlternativeNameKind = (typeof ALTERNATIVE_NAMES)[number];

const SIMPLE = {
  'iot:ClientId': 'clientId',
  'aws:SourceIp': 'sourceIp',
  'iot:DomainName': 'domainName',
  'iot:Connection.Thing.ThingName': 'thingName',
  'iot:Connection.Thing.ThingTypeName': 'thingTypeName',
  'iot:Connection.Thing.IsAttached': 'isAttached',
  'iot:CertificateId': 'certificateId',
  'iot:Certificate.SerialNumber': 'certificateSerialNumber',
  'iot:Certificate.AvailableKeys': 'availableKeys',
  'iot:ConnectAttributes': 'connectAttributes',
  'iot:LastWillTopic': 'lastWillTopic',
  'aws:CurrentTime': 'currentTime',
  'aws:EpochTime': 'epochTime',
} as const;

type SimpleKind = (typeof SIMPLE)[keyof typeof SIMPLE];

/** A value of the request that a policy can name, in `${…}` or as a condition key; `name` is how the policy writes it. */
export type Variable = { readonly name: string } & (
  | { readonly [Kind in SimpleKind]: { readonly kind: Kind } }[SimpleKind]
  | { readonly kind: 'thingAttribute'; readonly attribute: string }
  | {
      readonly kind: 'certificateName';
      readonly party: 'issuer' | 'subject';
      readonly attribute:
        | { readonly kind: 'name'; readonly name: NameAttribute }
        | { readonly kind: 'alternative'; readonly name: AlternativeNameKind };
      /** Which of several values; the bare name is 0. */
      readonly select: number | 'list';
    }
  | { readonly kind: 'misspelt'; readonly meant: string }
);

/** The variable of that exact name, or nothing. `iot:Thing.…` is known as a misspelling that never resolves (AWS IoT). */
export function parseVariable(name: string): Variable | undefined {
  if (isSimpleName(name)) return { name, kind: SIMPLE[name] };
  return parseThingAttribute(name) ?? parseCertificateName(name) ?? parseMisspelt(name);
}

function isSimpleName(name: string): name is keyof typeof SIMPLE {
  return Object.hasOwn(SIMPLE, name);
}

function parseThingAttribute(name: string): Variable | undefined {
  const attribute = /^iot:Connection\.Thing\.Attributes\[([a-zA-Z0-9_.,@/:#-]{1,128})\]$/.exec(name)?.[1];
  return attribute === undefined ? undefined : { name, kind: 'thingAttribute', attribute };
}

const CERTIFICATE_NAME =
  /^iot:Certificate\.(Issuer|Subject)\.(AlternativeName\.)?([A-Za-z0-9]+)(?:\.([1-9]\d?|List))?$/;

function parseCertificateName(name: string): Variable | undefined {
  const [, party, alternative, attributeName, index] = CERTIFICATE_NAME.exec(name) ?? [];
  const attribute = attributeName === undefined ? undefined : parseAttribute(attributeName, alternative);
  if (attribute === undefined) return undefined;
  return {
    name,
    kind: 'certificateName',
    party: party === 'Issuer' ? 'issuer' : 'subject',
    attribute,
    select: index === 'List' ? 'list' : Number(index ?? 0),
  };
}

function parseAttribute(name: string, alternative: string | undefined) {
  if (alternative !== undefined) {
    const known = ALTERNATIVE_NAMES.find((kind) => kind === name);
    return known && ({ kind: 'alternative', name: known } as const);
  }
  const known = NAME_ATTRIBUTES.find((kind) => kind === name);
  return known && ({ kind: 'name', name: known } as const);
}

function parseMisspelt(name: string): Variable | undefined {
  if (!name.startsWith('iot:Thing.')) return undefined;
  const meant = `iot:Connection.${name.slice('iot:'.length)}`;
  return parseVariable(meant) && { name, kind: 'misspelt', meant };
}

/** A known name that differs from `name` in case only. */
export function similarVariable(name: string): string | undefined {
  const known = [...Object.keys(SIMPLE), 'iot:Connection.Thing.Attributes[name]'];
  for (const party of ['Issuer', 'Subject']) {
    for (const attribute of NAME_ATTRIBUTES) known.push(`iot:Certificate.${party}.${attribute}`);
  }
  return known.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
}

/** Whether the variable is a set of values, to be tested with `ForAllValues:` or `ForAnyValue:`. */
export function isSetValued(variable: Variable): boolean {
  if (variable.kind === 'certificateName') return variable.select === 'list';
  return variable.kind === 'connectAttributes' || variable.kind === 'availableKeys';
}

/** Keys that exist for conditions only: a set has no one text, and time is not part of a name. */
export function isConditionOnly(variable: Variable): boolean {
  return isSetValued(variable) || ['lastWillTopic', 'currentTime', 'epochTime'].includes(variable.kind);
}

/** Whether the value moves while a connection lives, so that it cannot be folded in at compile time. */
export function isTimeKey(variable: Variable): boolean {
  return variable.kind === 'currentTime' || variable.kind === 'epochTime';
}

export { ALTERNATIVE_NAMES, NAME_ATTRIBUTES };
