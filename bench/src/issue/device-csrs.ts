import { generateKeyPairSync, sign } from 'node:crypto';
import { makeName, parsePublicKey } from '@fleetward/pki';

/** DER CSRs as devices send them: a fresh P-256 key each, and a common name. */
export function deviceCsrs(count: number, prefix: string): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, number) => makeDeviceCsr(`${prefix}-${number}`).csr);
}

/** `key`: PKCS #8 in PEM. */
export function makeDeviceCsr(commonName: string): { readonly csr: Buffer; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { spki } = parsePublicKey(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })));
  const version = Buffer.from('020100', 'hex');
  const noAttributes = Buffer.from('a000', 'hex');
  const body = sequence(version, makeName([['commonName', commonName]]).der, spki, noAttributes);
  const ecdsaWithSha256 = Buffer.from('300a06082a8648ce3d040302', 'hex');
  const signature = element(0x03, Buffer.of(0), sign('sha256', body, privateKey));
  return {
    csr: sequence(body, ecdsaWithSha256, signature),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(0x30, ...parts);
}

/** Shorter than 256 octets, as all of this is. */
function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}
