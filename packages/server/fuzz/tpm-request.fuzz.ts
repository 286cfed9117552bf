import { readFileSync } from 'node:fs';
import { fromHex, parseSha256, toBase64, utf8 } from '@fleetward/core';
import { judgeEvidence } from '../src/enrollment/attestation.ts';
import { Trace } from '../src/enrollment/trace.ts';
import { readAnswer, readEvidence } from '../src/gateway/tpm/read-body.ts';

const valid = new URL('../../../conformance/vectors/tpm/valid/certifications.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(valid, 'utf8')) as {
  readonly cases: readonly Readonly<
    Record<'attestationKey' | 'deviceKey' | 'attestation' | 'signature', string>
  >[];
};

const bodies = cases.map(({ attestationKey, deviceKey, attestation, signature }) => {
  const [akPublic, keyPublic, said, signed] = [attestationKey, deviceKey, attestation, signature].map((hex) =>
    toBase64(fromHex(hex)),
  );
  return JSON.stringify({ ekPublic: akPublic, akPublic, keyPublic, attestation: said, signature: signed });
});
const answer = { challengeId: '0'.repeat(32), secret: toBase64(new Uint8Array(32)), csr: 'MAA=' };

export const seeds: readonly Uint8Array[] = [
  ...bodies,
  ...bodies.map((body) => body.replace('"ekPublic"', '"ekIntermediates":["MAA="],"ekCertificate"')),
  JSON.stringify(answer),
].map(utf8);

const trusted = { kind: 'trusted', endorsementId: parseSha256('0'.repeat(64)), because: 'all are' } as const;

/** What a stranger sends as the evidence of its TPM, or as the answer to a challenge, is read and judged, or refused with a reason. */
export async function fuzz(input: Uint8Array): Promise<void> {
  readAnswer(input);
  const evidence = readEvidence(input);
  if (evidence === undefined) return;
  const endorsements = { judge: async () => trusted };
  await judgeEvidence(evidence, { endorsements, keyRules: {}, trace: new Trace('fuzz') });
}
