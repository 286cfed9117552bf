import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { makeName } from '@fleetward/pki';

// The few DER shapes of a PKCS #10 request without attributes (RFC 2986 §4), signed by ECDSA with SHA-256.
const ecdsaWithSha256 = Buffer.from('300a06082a8648ce3d040302', 'hex');
const version0 = Buffer.from('020100', 'hex');
const noAttributes = Buffer.from('a000', 'hex');
const tags = { sequence: 0x30, bitString: 0x03 } as const;

/** A certificate request (DER) for a P-256 key, with the thing's name as its common name. */
export function buildCsr(privateKey: KeyObject, commonName: string): Uint8Array {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const subject = makeName([['commonName', commonName]]).der;
  const body = element(tags.sequence, [version0, subject, publicKey, noAttributes]);
  const signature = sign('sha256', body, { key: privateKey, dsaEncoding: 'der' });
  const bits = element(tags.bitString, [Uint8Array.of(0), signature]);
  return element(tags.sequence, [body, ecdsaWithSha256, bits]);
}

function element(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.from([tag, ...lengthOctets(content.length)]), content]);
}

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}
