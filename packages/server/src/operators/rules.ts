import type { Random } from '@fleetward/core';
import { makeSecret } from './secret.ts';
import type { Invited, Operator, OperatorToken, SetupToken } from './store.ts';

/** Days an operator token is good for unless its maker says otherwise. */
export const tokenValidityDaysDefault = 90;

/** Usable tokens of one operator at most; a script that makes one each run is stopped here. */
export const usableTokensMax = 100;

/** Invitations that were neither used nor withdrawn, at most. */
export const invitationsMax = 20;

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

/** Whether the token makes an operator of this name now. */
export function isUsable(
  { usedAtMs, expiresAtMs, invitation }: SetupToken,
  { operatorName, nowMs }: { readonly operatorName: Invited['operatorName']; readonly nowMs: number },
): boolean {
  if (usedAtMs !== undefined || nowMs >= expiresAtMs) return false;
  return invitation === undefined || invitation.operatorName === operatorName;
}

/**
 * The operator of the machine from whom an invitation, or a chain of them, has led to this one. Whoever has that one's token could have
 * made every operator below it: two with the same origin may be one person.
 */
export function originOf(
  operatorId: string,
  find: (operatorId: string) => Pick<Operator, 'invitedBy'> | undefined,
): string {
  // Ends: each was there before whom they invited.
  const invitedBy = find(operatorId)?.invitedBy;
  return invitedBy === undefined ? operatorId : originOf(invitedBy, find);
}
