import { InvalidInputError } from './errors.ts';

declare const brand: unique symbol;
/** A string that only its validating parser can mint. */
export type Brand<Text extends string, Name extends string> = Text & { readonly [brand]: Name };

/** 1–128 characters of `a-z A-Z 0-9 : _ -`, AWS IoT's thing names. */
export type ThingName = Brand<string, 'ThingName'>;
/** 1–128 characters of `a-z A-Z 0-9 : _ -`, AWS IoT's names of thing groups. */
export type GroupName = Brand<string, 'GroupName'>;
/** Lower-case hex SHA-256 of the certificate's DER. */
export type CertificateId = Brand<string, 'CertificateId'>;
/** 1–128 characters of `a-z A-Z 0-9 + = , . @ _ -`, AWS IoT's policy names. */
export type PolicyName = Brand<string, 'PolicyName'>;
/** MQTT client identifier: 1–128 bytes of UTF-8, not starting with `$`, no control characters. */
export type ClientId = Brand<string, 'ClientId'>;
/** Lower-case hex SHA-256. */
export type Sha256 = Brand<string, 'Sha256'>;

export function parseThingName(text: unknown): ThingName {
  return matching<ThingName>(text, /^[a-zA-Z0-9:_-]{1,128}$/, 'a thing name: 1 to 128 of a-z A-Z 0-9 : _ -');
}

export function parseGroupName(text: unknown): GroupName {
  return matching<GroupName>(text, /^[a-zA-Z0-9:_-]{1,128}$/, 'a group name: 1 to 128 of a-z A-Z 0-9 : _ -');
}

export function parseCertificateId(text: unknown): CertificateId {
  return matching<CertificateId>(text, /^[0-9a-f]{64}$/, 'a certificate id: 64 lower-case hex digits');
}

export function parsePolicyName(text: unknown): PolicyName {
  return matching<PolicyName>(
    text,
    /^[a-zA-Z0-9+=,.@_-]{1,128}$/,
    'a policy name: 1 to 128 of a-z A-Z 0-9 + = , . @ _ -',
  );
}

export function parseSha256(text: unknown): Sha256 {
  return matching<Sha256>(text, /^[0-9a-f]{64}$/, 'a SHA-256: 64 lower-case hex digits');
}

export function parseClientId(text: unknown): ClientId {
  const expected = 'a client id: 1 to 128 bytes of UTF-8, no control characters, not starting with `$`';
  const id = matching<ClientId>(text, /^[^$\p{Cc}\p{Cs}][^\p{Cc}\p{Cs}]{0,127}$/u, expected);
  if (Buffer.byteLength(id) > 128) throw invalid(id, expected);
  return id;
}

function matching<Id extends string>(text: unknown, pattern: RegExp, expected: string): Id {
  if (typeof text !== 'string' || !pattern.test(text)) throw invalid(text, expected);
  return text as Id;
}

function invalid(text: unknown, expected: string): InvalidInputError {
  const shown = JSON.stringify(String(text).slice(0, 64));
  return new InvalidInputError('core.invalid_id', `\`${shown}\` is not ${expected}`, {
    details: { expected },
  });
}
