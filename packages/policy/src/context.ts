import type { PolicyBinding } from './document.ts';
import { VARIABLE_CHARS_MAX } from './limits.ts';
import {
  ALTERNATIVE_NAMES,
  type AlternativeNameKind,
  NAME_ATTRIBUTES,
  type NameAttribute,
  type Variable,
} from './variables.ts';

/** The attributes of one distinguished name and its alternative names, in certificate order. */
export type CertificateName = { readonly [Attribute in NameAttribute]?: readonly string[] } & {
  readonly AlternativeName?: { readonly [Kind in AlternativeNameKind]?: readonly string[] };
};

export interface CertificateContext {
  readonly id: string;
  readonly serialNumber?: string;
  readonly subject?: CertificateName;
  readonly issuer?: CertificateName;
}

export interface ThingContext {
  readonly name: string;
  readonly typeName?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What was asked for at CONNECT. `persistent`: not a clean session (3.1.1), or a session that outlives the connection (5). */
export interface ConnectContext {
  readonly persistent: boolean;
  readonly willTopic?: string | undefined;
}

/** Everything about a connection that its policies can see. `thing` is given only when it is associated. */
export interface PrincipalContext {
  readonly clientId?: string | undefined;
  readonly sourceIp?: string | undefined;
  readonly domainName?: string;
  readonly certificate?: CertificateContext | undefined;
  readonly thing?: ThingContext | undefined;
  /** Absent for a request that is not a connection's: it then has no connect attributes and no will. */
  readonly connect?: ConnectContext | undefined;
  /** Region and account of the request, needed for documents that were parsed `unbound`. */
  readonly binding?: PolicyBinding;
}

/**
 * The text that stands for a variable, or nothing when it is unresolved: absent, empty, longer than 1,024 characters, or with
 * characters that a policy or an MQTT filter would read as more than themselves.
 */
export function substitutedText(variable: Variable, context: PrincipalContext): string | undefined {
  const text = keyValues(variable, context)?.[0];
  // An empty text would turn `a/${iot:ClientId}*` into `a/*`.
  if (text === undefined || text === '' || text.length > VARIABLE_CHARS_MAX) return undefined;
  // AWS IoT also refuses `$` in certificate values; a thing's or client's name may carry it.
  const isFromCertificate =
    variable.kind === 'certificateName' || variable.kind === 'certificateSerialNumber';
  return (isFromCertificate ? /[+#*?$]/ : /[+#*?]/).test(text) ? undefined : text;
}

/**
 * A key's values as the request has them; nothing when the request does not have the key. The connect attributes are
 * always there, as a set that may be empty. Time keys are not the principal's and never found here.
 */
export function keyValues(key: Variable, context: PrincipalContext): readonly string[] | undefined {
  switch (key.kind) {
    case 'clientId':
      return single(context.clientId);
    case 'sourceIp':
      return single(context.sourceIp);
    case 'domainName':
      return single(context.domainName);
    case 'certificateId':
      return single(context.certificate?.id);
    case 'certificateSerialNumber':
      return single(context.certificate?.serialNumber);
    case 'certificateName':
      return certificateNames(key, context.certificate);
    case 'availableKeys':
      return context.certificate === undefined ? undefined : availableKeys(context.certificate);
    case 'connectAttributes':
      return connectAttributes(context.connect);
    case 'lastWillTopic':
      return single(context.connect?.willTopic);
    case 'misspelt':
    case 'currentTime':
    case 'epochTime':
      return undefined;
    default:
      return thingValues(key, context.thing);
  }
}

type ThingVariable = Extract<
  Variable,
  { readonly kind: 'thingName' | 'thingTypeName' | 'isAttached' | 'thingAttribute' }
>;

function thingValues(
  key: Variable & ThingVariable,
  thing: ThingContext | undefined,
): readonly string[] | undefined {
  switch (key.kind) {
    case 'thingName':
      return single(thing?.name);
    case 'thingTypeName':
      return single(thing?.typeName);
    case 'isAttached':
      return [String(thing !== undefined)];
    case 'thingAttribute':
      return single(ownValue(thing?.attributes, key.attribute));
  }
}

type CertificateVariable = Extract<Variable, { readonly kind: 'certificateName' }>;

function certificateNames(
  { party, attribute, select }: CertificateVariable,
  certificate: CertificateContext | undefined,
): readonly string[] | undefined {
  const name = certificate?.[party];
  const all =
    attribute.kind === 'name'
      ? ownValue<readonly string[], NameAttribute>(name, attribute.name)
      : ownValue(name?.AlternativeName, attribute.name);
  if (all === undefined || all.length === 0) return undefined;
  return select === 'list' ? all : single(all[select]);
}

function availableKeys(certificate: CertificateContext): readonly string[] {
  const keys = ['iot:CertificateId'];
  if (certificate.serialNumber !== undefined) keys.push('iot:Certificate.SerialNumber');
  for (const party of ['Issuer', 'Subject'] as const) {
    const name = party === 'Issuer' ? certificate.issuer : certificate.subject;
    keys.push(...nonEmpty(name, NAME_ATTRIBUTES).map((key) => `iot:Certificate.${party}.${key}`));
    const alternatives = nonEmpty(name?.AlternativeName, ALTERNATIVE_NAMES);
    keys.push(...alternatives.map((key) => `iot:Certificate.${party}.AlternativeName.${key}`));
  }
  return keys;
}

function nonEmpty<Key extends string>(
  values: { readonly [K in Key]?: readonly string[] } | undefined,
  keys: readonly Key[],
): readonly Key[] {
  return keys.filter((key) => (ownValue(values, key)?.length ?? 0) > 0);
}

function connectAttributes(connect: ConnectContext | undefined): readonly string[] {
  const attributes: string[] = [];
  if (connect?.persistent === true) attributes.push('PersistentConnect');
  if (connect?.willTopic !== undefined) attributes.push('LastWill');
  return attributes;
}

function single(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value];
}

/** An attribute named `constructor` is the device owner's, never the object prototype's. */
function ownValue<Value, Key extends string>(
  record: { readonly [K in Key]?: Value } | undefined,
  key: Key,
): Value | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
