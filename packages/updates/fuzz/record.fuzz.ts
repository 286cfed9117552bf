import { generateKeyPairSync } from 'node:crypto';
import { parseSha256, utf8 } from '@fleetward/core';
import { isUpdatesError } from '../src/errors.ts';
import { verifyProvenance } from '../src/record/provenance.ts';
import { parseSbom } from '../src/record/sbom.ts';

const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
const sha256 = parseSha256('a'.repeat(64));
const statement = JSON.stringify({
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: 'lamp.img', digest: { sha256 } }],
  predicateType: 'https://slsa.dev/provenance/v1',
});
const envelope = {
  payloadType: 'application/vnd.in-toto+json',
  payload: Buffer.from(statement).toString('base64'),
  signatures: [{ keyid: '', sig: Buffer.alloc(64).toString('base64') }],
};
const sbom = { bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ type: 'library', name: 'musl' }] };

export const seeds: readonly Uint8Array[] = [sbom, envelope].map((value) => utf8(JSON.stringify(value)));

/** No bytes make a reader of documents do anything but accept or refuse. */
export function fuzz(input: Uint8Array): void {
  for (const parse of [parseSbom, (bytes: Uint8Array) => verifyProvenance(bytes, { publicKey, sha256 })]) {
    try {
      parse(input);
    } catch (error) {
      if (!isUpdatesError(error)) throw error;
    }
  }
}
