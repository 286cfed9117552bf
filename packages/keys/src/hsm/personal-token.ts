import type { SignerAlgorithm } from '@fleetward/core';
import { Token, type TokenSettings } from './token.ts';
import { generateInToken, signInToken } from './token-keys.ts';
import { givenPin } from './token-pin.ts';

/** A person's token and PIN, for one command. */
export interface PersonalToken extends TokenSettings {
  readonly pin: string;
  /** Typed just now, and not read from a file. */
  readonly isTyped: boolean;
}

/** Makes a key inside a person's token; throws `keys.hsm`, `keys.algorithm`. */
export function generatePersonalKey(
  token: PersonalToken,
  spec: { readonly name: string; readonly algorithm: SignerAlgorithm },
): { readonly keyId: Uint8Array; readonly publicKey: Uint8Array } {
  return withToken(token, (open) => generateInToken(open, spec));
}

/** Signs with a key inside a person's token; throws `keys.hsm`, `keys.algorithm`. */
export function signWithPersonalKey(
  token: PersonalToken,
  key: { readonly name: string; readonly keyId: Uint8Array; readonly algorithm: SignerAlgorithm },
  message: Uint8Array,
): Uint8Array {
  return withToken(token, (open) => signInToken(open, key, message));
}

/** The module is unloaded after each use: another token of the same vendor may come next, and nobody stays logged in. */
function withToken<Result>(
  { pin, isTyped, ...settings }: PersonalToken,
  work: (token: Token) => Result,
): Result {
  const token = new Token(settings, givenPin(pin, { isTyped }));
  try {
    return work(token);
  } finally {
    token.close();
  }
}
