import { constants, createPublicKey, createSign, type KeyObject, sign } from 'node:crypto';
import { UpdatesError } from '../errors.ts';
import { unsealPrivateKey } from '../release-key.ts';
import { collectBytes, type FileBytes, isTooLarge, oneShotBytesMax } from './file-bytes.ts';
import { plainKeyOf } from './public-key.ts';

/**
 * Signs one file the way `verifyPlainSignature` accepts: RSA-PSS with the maximum salt (streamed), or Ed25519. It takes
 * the key itself, not a `Signer`, whose RSA-PSS form has the salt of 32 bytes that TUF wants.
 */
export async function signPlain(file: FileBytes, privateKey: KeyObject): Promise<Uint8Array> {
  const plain = plainKeyOf(createPublicKey(privateKey));
  if (plain === undefined) {
    throw new UpdatesError(
      'updates.key_invalid',
      'a file is signed with an RSA (2048 to 8192 bits) or Ed25519 key',
    );
  }
  return plain.kind === 'rsa-pss'
    ? signRsaPss(file, { privateKey, saltBytes: plain.saltBytes })
    : signEd25519(file, privateKey);
}

/** `signPlain` with the key in a release key file; RSA or Ed25519. */
export function signPlainWithReleaseKey(
  file: FileBytes,
  { keyFile, passphrase }: { readonly keyFile: Uint8Array; readonly passphrase: string },
): Promise<Uint8Array> {
  return signPlain(file, unsealPrivateKey(keyFile, passphrase).key);
}

async function signRsaPss(
  file: FileBytes,
  { privateKey, saltBytes }: { readonly privateKey: KeyObject; readonly saltBytes: number },
): Promise<Uint8Array> {
  const signer = createSign('sha256');
  if (file instanceof Uint8Array) signer.update(file);
  else for await (const chunk of file) signer.update(chunk);
  return signer.sign({ key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltBytes });
}

async function signEd25519(file: FileBytes, privateKey: KeyObject): Promise<Uint8Array> {
  const bytes = await collectBytes(file);
  if (isTooLarge(bytes)) {
    throw new UpdatesError('updates.too_large', `an Ed25519 key signs files up to ${oneShotBytesMax} bytes`);
  }
  return sign(null, bytes, privateKey);
}
