import type { CertificateContext, CertificateName, ConnectContext, PrincipalContext } from '../context.ts';
import { parseVariable, type Variable } from '../variables.ts';

/** Whether the connection is a thing: by its client id, by an exclusive attachment under another client id, or not. */
export type Association = 'none' | 'named' | 'exclusive';

/** What is known of a request beside its action and resource. */
export interface Facts {
  readonly association: Association;
  /** Values by the name of the variable; absent keys are left out. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
  readonly connect?: ConnectContext;
  readonly nowMs?: number;
  /** The variable that the client id is equal to because the connection was allowed by it. */
  readonly clientAlias?: string;
}

export const CLIENT_ID = 'iot:ClientId';
export const THING_NAME = 'iot:Connection.Thing.ThingName';
export const CERTIFICATE_ID = 'iot:CertificateId';

const SOME_CERTIFICATE = '0'.repeat(64);

/** The context of a request that has these facts, as `decide` takes it. */
export function contextOf({ association, texts, connect }: Facts): PrincipalContext {
  const one = (name: string) => texts.get(name)?.[0];
  const clientId = one(CLIENT_ID);
  const sourceIp = one('aws:SourceIp');
  const domainName = one('iot:DomainName');
  const certificate = certificateOf(texts);
  return {
    ...(clientId === undefined ? {} : { clientId }),
    ...(sourceIp === undefined ? {} : { sourceIp }),
    ...(domainName === undefined ? {} : { domainName }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(connect === undefined ? {} : { connect }),
    ...(association === 'none' ? {} : { thing: thingOf(texts) }),
  };
}

function thingOf(texts: Facts['texts']) {
  const typeName = texts.get('iot:Connection.Thing.ThingTypeName')?.[0];
  const attributes: Record<string, string> = {};
  for (const [name, [value]] of texts) {
    const variable = known(name);
    if (variable.kind === 'thingAttribute' && value !== undefined) attributes[variable.attribute] = value;
  }
  const name = texts.get(THING_NAME)?.[0] ?? texts.get(CLIENT_ID)?.[0] ?? 'x';
  return { name, ...(typeName === undefined ? {} : { typeName }), attributes };
}

function certificateOf(texts: Facts['texts']): CertificateContext | undefined {
  const names = [...texts.keys()].map(known).filter(isOfCertificate);
  if (names.length === 0) return undefined;
  const serialNumber = texts.get('iot:Certificate.SerialNumber')?.[0];
  const parties: Partial<Record<'subject' | 'issuer', CertificateName>> = {};
  for (const party of ['subject', 'issuer'] as const) {
    const name = nameOf(party, names, texts);
    if (Object.keys(name).length > 0) parties[party] = name;
  }
  return {
    id: texts.get(CERTIFICATE_ID)?.[0] ?? SOME_CERTIFICATE,
    ...(serialNumber === undefined ? {} : { serialNumber }),
    ...parties,
  };
}

export function isOfCertificate({ kind }: Variable): boolean {
  return kind === 'certificateId' || kind === 'certificateSerialNumber' || kind === 'certificateName';
}

function nameOf(
  party: 'subject' | 'issuer',
  variables: readonly Variable[],
  texts: Facts['texts'],
): CertificateName {
  const plain: Record<string, string[]> = {};
  const alternative: Record<string, string[]> = {};
  for (const variable of variables) {
    if (variable.kind !== 'certificateName' || variable.party !== party) continue;
    const into = variable.attribute.kind === 'name' ? plain : alternative;
    const values = into[variable.attribute.name] ?? [];
    into[variable.attribute.name] = values;
    const given = texts.get(variable.name) ?? [];
    if (variable.select === 'list') values.push(...given);
    else {
      while (values.length < variable.select) values.push('x');
      values[variable.select] = given[0] ?? 'x';
    }
  }
  return { ...plain, ...(Object.keys(alternative).length === 0 ? {} : { AlternativeName: alternative }) };
}

const variables = new Map<string, Variable>();

/** The variable of a name that a policy uses. */
export function known(name: string): Variable {
  const variable = variables.get(name) ?? parseVariable(name)!;
  variables.set(name, variable);
  return variable;
}
