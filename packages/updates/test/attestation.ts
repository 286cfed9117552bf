import type { Signer } from '@fleetward/core';

export const payloadType = 'application/vnd.in-toto+json';

/** An in-toto statement about an artifact of this SHA-256. */
export function statementOf(sha256: string, change: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      { name: 'other.img', digest: { sha256: 'f'.repeat(64) } },
      { name: 'lamp.img', digest: { sha256 } },
    ],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: { buildDefinition: { buildType: 'https://example.com/make' } },
    ...change,
  });
}

/** What a DSSE signature is over. */
export function preAuthenticationEncoding(statement: string): Uint8Array {
  const length = Buffer.byteLength(statement);
  return Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${length} ${statement}`);
}

/** The statement in a DSSE envelope, signed by each of these. */
export async function envelopeOf(
  statement: string,
  signers: readonly Signer[],
  change: Readonly<Record<string, unknown>> = {},
): Promise<Uint8Array> {
  const signatures: { sig: string }[] = [];
  for (const signer of signers) {
    const signature = await signer.sign(preAuthenticationEncoding(statement));
    signatures.push({ sig: Buffer.from(signature).toString('base64') });
  }
  const payload = Buffer.from(statement).toString('base64');
  return Buffer.from(JSON.stringify({ payloadType, payload, signatures, ...change }));
}
