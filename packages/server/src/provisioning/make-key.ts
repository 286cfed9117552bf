import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

/** A key for who cannot make one: given away once, and kept nowhere. */
export async function makeKey(): Promise<{ readonly spki: Uint8Array; readonly keyPem: string }> {
  const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' });
  return {
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
