import { randomBytes } from 'node:crypto';
import type { SignerAlgorithm } from '@fleetward/core';
import { KeysError } from '../errors.ts';
import { cki, type Handle } from './pkcs11.ts';
import type { OpenSession, Token } from './token.ts';
import { recipeOf } from './token-recipes.ts';

const signatureBytesMax = 1024;

/** Makes a key inside the token: it is sensitive and not extractable from its first moment. Throws `keys.hsm`, `keys.algorithm`. */
export function generateInToken(
  token: Token,
  { name, algorithm }: { readonly name: string; readonly algorithm: SignerAlgorithm },
): { readonly keyId: Uint8Array; readonly publicKey: Uint8Array } {
  const { generate, readPublicKey } = recipeOf(algorithm);
  const keyId = randomBytes(16);
  return token.use(`make the key \`${name}\``, (open) => {
    const common = [
      { type: cki.token, value: true },
      { type: cki.id, value: keyId },
      { type: cki.label, value: `fleetward ${name}` },
    ];
    const pair = open.pkcs11.C_GenerateKeyPair(
      open.session,
      { mechanism: generate.mechanism, parameter: null },
      [...common, { type: cki.verify, value: true }, ...generate.publicTemplate],
      [
        ...common,
        { type: cki.private, value: true },
        { type: cki.sensitive, value: true },
        { type: cki.extractable, value: false },
        { type: cki.sign, value: true },
      ],
    );
    return { keyId, publicKey: readPublicKey(open, pair.publicKey) };
  });
}

/** Signs with the key of this id, looked up each time: its handle does not outlive a session. */
export function signInToken(
  token: Token,
  key: { readonly name: string; readonly keyId: Uint8Array; readonly algorithm: SignerAlgorithm },
  message: Uint8Array,
): Uint8Array {
  const { signMechanism, input, signature } = recipeOf(key.algorithm);
  return token.use(`sign with \`${key.name}\``, (open) => {
    const { pkcs11, session } = open;
    pkcs11.C_SignInit(session, signMechanism, findKey(open, key));
    return signature(pkcs11.C_Sign(session, input(message), Buffer.alloc(signatureBytesMax)));
  });
}

/** Throws `keys.hsm` when the token does not have the key. */
export function assertInToken(
  token: Token,
  key: { readonly name: string; readonly keyId: Uint8Array },
): void {
  token.use(`have the key \`${key.name}\``, (open) => void findKey(open, key));
}

function findKey(
  { pkcs11, session }: OpenSession,
  { name, keyId }: { readonly name: string; readonly keyId: Uint8Array },
): Handle {
  const template = [
    { type: cki.class, value: cki.privateKey },
    { type: cki.id, value: Buffer.from(keyId) },
  ];
  pkcs11.C_FindObjectsInit(session, template);
  try {
    const [found, second] = pkcs11.C_FindObjects(session, 2);
    if (found !== undefined && second === undefined) return found;
  } finally {
    pkcs11.C_FindObjectsFinal(session);
  }
  throw new KeysError('keys.hsm', `the token does not hold the key \`${name}\`, or holds two of its id`);
}
