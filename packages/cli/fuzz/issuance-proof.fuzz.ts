import { generateKeyPairSync, sign } from 'node:crypto';
import { InvalidInputError, parseCertificateId, parseSha256, toHex } from '@fleetward/core';
import { entryHash, isTreeHeadSigned, treeHeadMessage, verifyIssuanceProof } from '@fleetward/protocol';
import { headOf, parseProofJson, proofOf } from '../src/nouns/issuance-log-files.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const logKey = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
const certificateId = parseCertificateId('ab'.repeat(32));
const entry = { index: 0, at: 1_700_000_000_000, certificateId };
const statement = { size: 1, rootHash: parseSha256(toHex(entryHash(entry))), at: 1_700_000_000_001 };
const head = {
  ...statement,
  signature: sign(null, treeHeadMessage(statement), privateKey).toString('base64'),
};
const proof = { entry, path: [], head };

export const seeds: readonly Uint8Array[] = [
  proof,
  { ...proof, entry: { ...entry, index: 5 }, path: ['cd'.repeat(32)], consistency: ['ef'.repeat(32)] },
  head,
].map((value) => Buffer.from(JSON.stringify(value)));

/** Whatever a file holds, it is a proof with a verdict or is refused; proven is only what the key signed. */
export function fuzz(input: Uint8Array): void {
  const value = parsed(input);
  const known = headOf(value);
  if (known !== undefined) isTreeHeadSigned(known, logKey);
  const given = proofOf(value);
  if (given === undefined) return;
  for (const trust of [{}, { known: { size: 1, rootHash: statement.rootHash } }]) {
    const { kind } = verifyIssuanceProof(given, { publicKey: logKey, certificateId, ...trust });
    if (kind === 'proven' && given.head.signature !== head.signature)
      throw new Error('proven by another head');
  }
}

function parsed(input: Uint8Array): unknown {
  try {
    return parseProofJson(input);
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined;
    throw error;
  }
}
