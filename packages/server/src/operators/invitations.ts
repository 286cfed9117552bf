import { OperatorError } from './errors.ts';
import type { OperatorRegistry } from './registry.ts';
import { createSetupToken, invitationsMax } from './rules.ts';
import type { OperatorServiceParts } from './service.ts';
import type { Invitation } from './store.ts';

/** An invitation with its setup token, which nobody can read again. */
export interface NewInvitation {
  readonly invitation: Invitation;
  readonly secret: string;
}

const hourMs = 3_600_000;
const validityHoursDefault = 24;

/** Makes a setup token with which another becomes an operator of this name, and no other. */
export async function invite(
  parts: OperatorServiceParts,
  registry: Pick<OperatorRegistry, 'operators'>,
  wanted: { readonly operatorName: string; readonly by: string; readonly validityHours?: number },
): Promise<NewInvitation> {
  const { store, transactor, trail, clock, random } = parts;
  const { operatorName, by, validityHours = validityHoursDefault } = wanted;
  if (registry.operators().some(({ name }) => name === operatorName)) throw nameTaken(operatorName);
  const nowMs = clock.now();
  const { secret, token } = createSetupToken({ random, nowMs, validityMs: validityHours * hourMs });
  const invitation = { ...token, invitation: { operatorName, invitedBy: by } };
  await transactor.transact(async (tx) => {
    await store.removeUnusedSetupTokens(tx, { expiredAtMs: nowMs });
    await store.removeUnusedSetupTokens(tx, { operatorName });
    if ((await store.unusedInvitations(tx)).length >= invitationsMax) throw tooMany();
    await store.addSetupToken(tx, invitation);
    const { expiresAtMs } = token;
    const actor = { kind: 'operator', operatorId: by } as const;
    await trail.append(tx, { kind: 'operator.invited', actor, payload: { name: operatorName, expiresAtMs } });
  });
  return { invitation, secret };
}

/** Those with which somebody could become an operator now. */
export async function openInvitations({
  store,
  clock,
}: Pick<OperatorServiceParts, 'store' | 'clock'>): Promise<readonly Invitation[]> {
  const nowMs = clock.now();
  return (await store.unusedInvitations()).filter(({ expiresAtMs }) => nowMs < expiresAtMs);
}

/** Makes the setup token of an invitation worthless. */
export async function withdrawInvitation(
  { store, transactor, trail }: Pick<OperatorServiceParts, 'store' | 'transactor' | 'trail'>,
  { operatorName, by }: { readonly operatorName: string; readonly by: string },
): Promise<void> {
  await transactor.transact(async (tx) => {
    if ((await store.removeUnusedSetupTokens(tx, { operatorName })) === 0) throw notInvited(operatorName);
    const actor = { kind: 'operator', operatorId: by } as const;
    await trail.append(tx, {
      kind: 'operator.invitation_withdrawn',
      actor,
      payload: { name: operatorName },
    });
  });
}

function nameTaken(operatorName: string): OperatorError {
  return new OperatorError('operators.name_taken', `there is an operator \`${operatorName}\` already`);
}

function tooMany(): OperatorError {
  return new OperatorError(
    'operators.too_many_invitations',
    `there are ${invitationsMax} invitations that nobody has used: withdraw some first`,
  );
}

function notInvited(operatorName: string): OperatorError {
  return new OperatorError(
    'operators.not_found',
    `there is no invitation for \`${operatorName}\` that could be withdrawn`,
  );
}
