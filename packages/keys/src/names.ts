import type { Brand } from '@fleetward/core';
import { KeysError } from './errors.ts';

/** 1–64 of `a-z 0-9 -`, starting with a letter or digit: safe as a file name on every platform we run on. */
export type KeyName = Brand<string, 'KeyName'>;
/** What a key may sign; bound to the key for life. Same alphabet as a key name. Which purposes exist is the server's choice. */
export type SigningPurpose = Brand<string, 'SigningPurpose'>;

const pattern = /^[a-z0-9][a-z0-9-]{0,63}$/;

export function parseKeyName(text: unknown): KeyName {
  return matching<KeyName>(text, 'a key name');
}

export function parseSigningPurpose(text: unknown): SigningPurpose {
  return matching<SigningPurpose>(text, 'a signing purpose');
}

function matching<Name extends string>(text: unknown, what: string): Name {
  if (typeof text === 'string' && pattern.test(text)) return text as Name;
  const shown = JSON.stringify(String(text).slice(0, 64));
  throw new KeysError('keys.name', `\`${shown}\` is not ${what}: 1 to 64 of a-z 0-9 -, not starting with -`);
}
