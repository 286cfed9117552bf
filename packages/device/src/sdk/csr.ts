import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { makeName } from '@fleetward/pki';
import { DeviceError } from '../errors.ts';

// The few DER shapes of a PKCS #10 request without attributes (RFC 2986 §4); signature algorithms of RFC 5758 §3.2, RFC 4055 §5.
const algorithms: Readonly<Record<string, Buffer>> = {
  ec: Buffer.from('300a06082a8648ce3d040302', 'hex'), // ecdsa-with-SHA256
  rsa: Buffer.from('300d06092a864886f70d01010b0500', 'hex'), // sha256WithRSAEncryption
};
const version0 = Buffer.from('020100', 'hex');
const noAttributes = Buffer.from('a000', 'hex');
const tags = { sequence: 0x30, bitString: 0x03 } as const;

/** A certificate request (DER) for an EC or RSA key, signed with SHA-256, with the thing's name as its common name. */
export function buildCsr(privateKey: KeyObject, commonName: string): Uint8Array {
  const algorithm = algorithms[privateKey.asymmetricKeyType ?? ''];
  if (algorithm === undefined) {
    throw new DeviceError('device.key_unsupported', 'a certificate is asked for with an EC or RSA key');
  }
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const subject = makeName([['commonName', commonName]]).der;
  const body = element(tags.sequence, [version0, subject, publicKey, noAttributes]);
  const signature = sign('sha256', body, { key: privateKey, dsaEncoding: 'der' });
  const bits = element(tags.bitString, [Uint8Array.of(0), signature]);
  return element(tags.sequence, [body, algorithm, bits]);
}

function element(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.from([tag, ...lengthOctets(content.length)]), content]);
}

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}
