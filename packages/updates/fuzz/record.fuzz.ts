import { generateKeyPairSync, sign } from 'node:crypto';
import { type JsonObject, parseSha256, utf8 } from '@fleetward/core';
import { isUpdatesError } from '../src/errors.ts';
import { isAwsOtaSigning } from '../src/record/aws-ota.ts';
import { verifyProvenance } from '../src/record/provenance.ts';
import { customOfRecord, parseReleaseRecord } from '../src/record/release-record.ts';
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

const signature = sign(
  'sha256',
  utf8('lamp'),
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey,
);
const custom = {
  supportUntil: '2031-12-31',
  awsOta: { signature: signature.toString('base64'), certFile: 'signer.crt' },
};

export const seeds: readonly Uint8Array[] = [
  ...[sbom, envelope, custom].map((value) => utf8(JSON.stringify(value))),
  signature,
];

/** No bytes make a reader of documents do anything but accept or refuse. */
export function fuzz(input: Uint8Array): void {
  isAwsOtaSigning({ signature: input, certFile: 'signer.crt' });
  fuzzCustom(input);
  for (const parse of [parseSbom, (bytes: Uint8Array) => verifyProvenance(bytes, { publicKey, sha256 })]) {
    try {
      parse(input);
    } catch (error) {
      if (!isUpdatesError(error)) throw error;
    }
  }
}

/** What was read of a signed field is what may be written there. */
function fuzzCustom(input: Uint8Array): void {
  let custom: unknown;
  try {
    custom = JSON.parse(Buffer.from(input).toString('latin1'));
  } catch {
    return;
  }
  if (typeof custom === 'object' && custom !== null) customOfRecord(parseReleaseRecord(custom as JsonObject));
}
