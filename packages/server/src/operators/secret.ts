import { createHash } from 'node:crypto';
import { parseSha256, type Random, type Sha256, toBase64Url } from '@fleetward/core';

const secretBytes = 32;

/** `fwo_` is an operator's bearer token, `fws_` the one-time setup token: a leaked one is recognised by its prefix. */
export type SecretPrefix = 'fwo_' | 'fws_';

/** A new secret of 256 random bits; only its hash is to be kept. */
export function makeSecret(
  prefix: SecretPrefix,
  random: Random,
): { readonly secret: string; readonly hash: Sha256 } {
  const secret = `${prefix}${toBase64Url(random.bytes(secretBytes))}`;
  return { secret, hash: hashSecret(secret) };
}

/**
 * What a secret is found by. A plain SHA-256 is enough for 256 random bits, and a look-up by hash takes no time from
 * which the stored secret could be learnt.
 */
export function hashSecret(secret: string): Sha256 {
  return parseSha256(createHash('sha256').update(secret, 'utf8').digest('hex'));
}
