import { constants, createVerify, verify } from 'node:crypto';
import { collectBytes, type FileBytes, isTooLarge, oneShotBytesMax } from './file-bytes.ts';
import { type PlainKey, readPlainKey } from './public-key.ts';

export interface PlainSignatureInput {
  readonly file: FileBytes;
  readonly signature: Uint8Array;
  /** SubjectPublicKeyInfo, DER or PEM: RSA of 2048 to 8192 bits, or Ed25519. */
  readonly publicKey: Uint8Array | string;
}

export type PlainRefusalReason = 'key-unusable' | 'signature-length' | 'signature-wrong' | 'file-too-large';

export type PlainOutcome =
  | { readonly kind: 'accepted'; readonly scheme: PlainKey['kind'] }
  | { readonly kind: 'refused'; readonly reason: PlainRefusalReason; readonly explanation: string };

/**
 * Decides whether `signature` is the one-file signature people make by hand: RSA-PSS with SHA-256, MGF1-SHA-256 and a
 * salt of exactly the maximum length (`openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:max`),
 * or Ed25519 over the file itself. RSA streams; Ed25519 holds the file in memory and so refuses files above 512 MiB.
 */
export async function verifyPlainSignature(input: PlainSignatureInput): Promise<PlainOutcome> {
  const key = readPlainKey(input.publicKey);
  if (key === undefined)
    return refused('key-unusable', 'the key is not an RSA (2048 to 8192 bits) or Ed25519 public key');
  if (input.signature.length !== key.bytes) {
    const found = `the signature has ${input.signature.length} bytes; this key's have ${key.bytes}`;
    return refused('signature-length', found);
  }
  return key.kind === 'rsa-pss' ? verifyRsaPss(key, input) : verifyEd25519(key, input);
}

async function verifyRsaPss(
  key: Extract<PlainKey, { kind: 'rsa-pss' }>,
  { file, signature }: PlainSignatureInput,
): Promise<PlainOutcome> {
  const verifier = createVerify('sha256');
  if (file instanceof Uint8Array) verifier.update(file);
  else for await (const chunk of file) verifier.update(chunk);
  // The exact length: RSA_PSS_SALTLEN_MAX_SIGN means "any" to OpenSSL when it verifies.
  const options = { key: key.key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: key.saltBytes };
  if (verifier.verify(options, signature)) return { kind: 'accepted', scheme: 'rsa-pss' };
  const expected = `expected RSA-PSS, SHA-256, salt of ${key.saltBytes} bytes (rsa_pss_saltlen:max)`;
  return refused('signature-wrong', `the signature does not match this file and key; ${expected}`);
}

async function verifyEd25519(
  key: Extract<PlainKey, { kind: 'ed25519' }>,
  { file, signature }: PlainSignatureInput,
): Promise<PlainOutcome> {
  const bytes = await collectBytes(file);
  if (isTooLarge(bytes)) {
    return refused(
      'file-too-large',
      `an Ed25519 signature is checked in memory, up to ${oneShotBytesMax} bytes`,
    );
  }
  if (verify(null, bytes, key.key, signature)) return { kind: 'accepted', scheme: 'ed25519' };
  return refused('signature-wrong', 'the Ed25519 signature does not match this file and key');
}

function refused(reason: PlainRefusalReason, explanation: string): PlainOutcome {
  return { kind: 'refused', reason, explanation };
}
