import { hash } from 'node:crypto';
import { toHex } from '@fleetward/core';
import { PkiError } from './errors.ts';
import { limits } from './limits.ts';
import type { PublicKey } from './public-key.ts';

/** Keys that look well and are held by others too, such as those that Debian's OpenSSL made from 32,768 seeds (CVE-2008-0166). */
export interface WeakKeys {
  readonly size: number;
  /** Lists name RSA keys; no other key is on one. */
  has(key: PublicKey): boolean;
}

const entry = /^[0-9a-f]{20}$/;

/** What an entry becomes when openssl has printed no modulus, as of a key that is not RSA. */
const entriesOfNothing: ReadonlySet<string> = new Set(
  ['', 'Modulus=No modulus for this public key type\n'].map((printed) =>
    hash('sha1', printed, 'hex').slice(20),
  ),
);

/**
 * Reads lists in the form of Debian's `openssl-blacklist`: a line each key, the last 20 hex digits of the SHA-1 of what
 * `openssl rsa -noout -modulus` prints; blank lines and those that begin with `#` say nothing. Throws `pki.weak_keys` with the number of
 * a line that is neither, and for a list without a key: of a list that is cut or of another form nobody may believe that it was read. `names`
 * are those of the lists, for errors.
 */
export function parseWeakKeys(lists: readonly Uint8Array[], names: readonly string[] = []): WeakKeys {
  const entries = new Set<string>();
  for (const [at, list] of lists.entries())
    addEntries(list, {
      entries,
      name: names[at] === undefined ? 'the list of weak keys' : `\`${names[at]}\``,
    });
  return { size: entries.size, has: (key) => key.kind === 'rsa' && entries.has(entryOf(key.modulus)) };
}

function addEntries(
  list: Uint8Array,
  { entries, name }: { readonly entries: Set<string>; readonly name: string },
): void {
  if (list.length > limits.weakKeysBytesMax)
    throw new PkiError(
      'pki.too_large',
      `${name} has ${list.length} bytes; at most ${limits.weakKeysBytesMax} are accepted`,
    );
  const lines = Buffer.from(list.buffer, list.byteOffset, list.length).toString('latin1').split('\n');
  if (lines.every(saysNothing))
    throw new PkiError(
      'pki.weak_keys',
      `${name} lists no key: ${list.length === 0 ? 'it is empty' : `its ${list.length} bytes are blank lines and comments`}; take the whole list, or leave this file out`,
    );
  for (const [at, line] of lines.entries()) {
    if (saysNothing(line)) continue;
    const text = line.trimEnd();
    if (!entry.test(text))
      throw new PkiError(
        'pki.weak_keys',
        `line ${at + 1} of ${name} is not 20 lower-case hex digits: expected the form of \`openssl-blacklist\``,
      );
    if (entriesOfNothing.has(text))
      throw new PkiError(
        'pki.weak_keys',
        `line ${at + 1} of ${name} is of no key: openssl printed no modulus, as of a key that is not RSA`,
      );
    entries.add(text);
    if (entries.size > limits.weakKeysMax)
      throw new PkiError('pki.too_large', `more than ${limits.weakKeysMax} weak keys are listed`);
  }
}

function saysNothing(line: string): boolean {
  return line.startsWith('#') || line.trimEnd() === '';
}

function entryOf(modulus: Uint8Array): string {
  return hash('sha1', `Modulus=${toHex(modulus).toUpperCase()}\n`, 'hex').slice(20);
}
