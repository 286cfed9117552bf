import { fromBase64, InvalidInputError, parseStrictJson } from '@fleetward/core';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { AnsweredChallenge, ShownEvidence } from '../../enrollment/index.ts';

/** In base64: certificates are the most of it. */
export const tpmBodyBytesMax = 32_768;

const text = Type.String({ maxLength: tpmBodyBytesMax });
const closed = { additionalProperties: false } as const;
const shared = { akPublic: text, keyPublic: text, attestation: text, signature: text };
const evidence = Type.Union([
  Type.Object({ ekPublic: text, ...shared }, closed),
  Type.Object(
    { ekCertificate: text, ekIntermediates: Type.Optional(Type.Array(text, { maxItems: 4 })), ...shared },
    closed,
  ),
]);
const answer = Type.Object(
  { challengeId: Type.String({ pattern: '^[0-9a-f]{32}$' }), secret: text, csr: text },
  closed,
);

/** Undefined for a body that is none of ours. */
export function readEvidence(body: Uint8Array): ShownEvidence | undefined {
  return read(body, evidence, (shown) => ({
    endorsementKey:
      'ekPublic' in shown
        ? { publicArea: fromBase64(shown.ekPublic) }
        : {
            certificate: fromBase64(shown.ekCertificate),
            intermediates: (shown.ekIntermediates ?? []).map(fromBase64),
          },
    attestationKey: fromBase64(shown.akPublic),
    deviceKey: fromBase64(shown.keyPublic),
    certification: fromBase64(shown.attestation),
    signature: fromBase64(shown.signature),
  }));
}

/** The same. */
export function readAnswer(
  body: Uint8Array,
): { readonly answer: AnsweredChallenge; readonly csrDer: Uint8Array } | undefined {
  return read(body, answer, ({ challengeId, secret, csr }) => ({
    answer: { challengeId, secret: fromBase64(secret) },
    csrDer: fromBase64(csr),
  }));
}

function read<Schema extends TSchema, Result>(
  body: Uint8Array,
  schema: Schema,
  convert: (value: Static<Schema>) => Result,
): Result | undefined {
  try {
    const value = parseStrictJson(body, { bytesMax: tpmBodyBytesMax, depthMax: 2, valuesMax: 16 });
    return Value.Check(schema, value) ? convert(value) : undefined;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return undefined; // told to the device as a bad request
  }
}
