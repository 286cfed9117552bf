import type { Random } from '@fleetward/core';
import { makeSecret } from './secret.ts';
import type { OperatorToken, SetupToken } from './store.ts';

/** Days an operator token is good for unless its maker says otherwise. */
export const tokenValidityDaysDefault = 90;

/** Usable tokens of one operator at most; a script that makes one each run is stopped here. */
export const usableTokensMax = 100;

export const dayMs = 86_400_000;

/** What stands against a token at this moment, if anything does. */
export function refusalOf(
  token: OperatorToken | undefined,
  nowMs: number,
): 'unknown' | 'revoked' | 'expired' | undefined {
  if (token === undefined) return 'unknown';
  if (token.revokedAtMs !== undefined) return 'revoked';
  return nowMs >= token.expiresAtMs ? 'expired' : undefined;
}

/** Makes the one-time setup token: `secret` is shown once, `token` is stored. */
export function createSetupToken(options: {
  readonly random: Random;
  readonly nowMs: number;
  readonly validityMs: number;
}): { readonly secret: string; readonly token: SetupToken } {
  const { secret, hash } = makeSecret('fws_', options.random);
  const { nowMs, validityMs } = options;
  return { secret, token: { hash, createdAtMs: nowMs, expiresAtMs: nowMs + validityMs } };
}
