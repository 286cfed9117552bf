import { type Clock, type Random, type Transactor, toHex } from '@fleetward/core';
import { isConflict } from '../store-error.ts';
import type { Trail } from '../trail/index.ts';
import { OperatorError } from './errors.ts';
import { invite, type NewInvitation, openInvitations, withdrawInvitation } from './invitations.ts';
import { loadOperatorRegistry, type OperatorRegistry } from './registry.ts';
import { dayMs, isUsable, originOf, refusalOf, tokenValidityDaysDefault, usableTokensMax } from './rules.ts';
import { hashSecret, makeSecret } from './secret.ts';
import type { Invitation, Operator, OperatorStore, OperatorToken } from './store.ts';

/** A token with its secret, which nobody can read again. */
export interface NewToken {
  readonly token: OperatorToken;
  readonly secret: string;
}

export type OperatorAuthentication =
  | { readonly kind: 'accepted'; readonly operator: Operator }
  | { readonly kind: 'refused'; readonly reason: 'unknown' | 'revoked' | 'expired' };

export interface OperatorService {
  /** Spends the setup token. Throws `operators.setup_refused` for every reason alike, and `operators.name_taken`. */
  completeSetup(request: {
    readonly setupToken: string;
    readonly operatorName: string;
  }): Promise<{ readonly operator: Operator; readonly token: NewToken }>;
  /**
   * A setup token for this name alone; one made before for it is void. Throws `operators.name_taken` and
   * `operators.too_many_invitations`.
   */
  invite(request: {
    readonly operatorName: string;
    readonly by: string;
    readonly validityHours?: number;
  }): Promise<NewInvitation>;
  /** Neither used, withdrawn nor expired. */
  invitations(): Promise<readonly Invitation[]>;
  /** Throws `operators.not_found`. */
  withdrawInvitation(request: { readonly operatorName: string; readonly by: string }): Promise<void>;
  /** False where one of the two may have made the other, or somebody both of them. */
  areIndependent(operatorId: string, other: string): boolean;
  /** Throws `operators.too_many_tokens`. */
  createToken(request: { readonly operatorId: string; readonly validityDays?: number }): Promise<NewToken>;
  /** Takes effect on the next request. Throws `operators.not_found` for one that is unknown or was revoked. */
  revokeToken(request: { readonly tokenId: string; readonly by: string }): Promise<void>;
  /** Decides in memory who the bearer of a secret is. */
  authenticate(secret: string): OperatorAuthentication;
  operators(): readonly Operator[];
  tokens(): readonly OperatorToken[];
}

export interface OperatorServiceParts {
  readonly store: OperatorStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Operators and their bearer tokens. There is no password: the first token comes from the setup token, each other from a token. */
export async function openOperatorService(parts: OperatorServiceParts): Promise<OperatorService> {
  const registry = await loadOperatorRegistry(parts.store);
  return {
    completeSetup: (request) => completeSetup(parts, registry, request),
    invite: (request) => invite(parts, registry, request),
    invitations: () => openInvitations(parts),
    withdrawInvitation: (request) => withdrawInvitation(parts, request),
    areIndependent: (...both) => {
      const [one, other] = both.map((id) => originOf(id, registry.operator));
      return one !== other;
    },
    createToken: (request) => createToken(parts, registry, request),
    revokeToken: (request) => revokeToken(parts, registry, request),
    authenticate: (secret) => authenticate(parts, registry, secret),
    operators: () => registry.operators(),
    tokens: () => registry.tokens(),
  };
}

async function completeSetup(
  parts: OperatorServiceParts,
  registry: OperatorRegistry,
  request: { readonly setupToken: string; readonly operatorName: string },
): Promise<{ readonly operator: Operator; readonly token: NewToken }> {
  const { store, clock, random } = parts;
  const nowMs = clock.now();
  const setup = await store.findSetupToken(hashSecret(request.setupToken));
  const { operatorName } = request;
  if (setup === undefined || !isUsable(setup, { operatorName, nowMs })) throw setupRefused();
  const invitedBy = setup.invitation === undefined ? {} : { invitedBy: setup.invitation.invitedBy };
  const operator = { operatorId: newId(random), name: operatorName, createdAtMs: nowMs, ...invitedBy };
  const token = newToken(parts, operator.operatorId, tokenValidityDaysDefault);
  const { operatorId, name } = operator;
  const { tokenId, expiresAtMs } = token.token;
  await parts.transactor.transact(async (tx) => {
    // Of two racing calls one gets true.
    if (!(await store.useSetupToken(tx, { hash: setup.hash, atMs: nowMs }))) throw setupRefused();
    await addOperator(store, tx, operator);
    await store.addToken(tx, token.token);
    const actor = { kind: 'setup' } as const;
    await parts.trail.append(tx, { kind: 'setup.completed', actor, payload: { operatorId } });
    const created = { operatorId, name, ...invitedBy };
    await parts.trail.append(tx, { kind: 'operator.created', actor, payload: created });
    const payload = { operatorId, tokenId, expiresAtMs };
    await parts.trail.append(tx, { kind: 'operator.token_created', actor, payload });
    tx.afterCommit(() => {
      registry.addOperator(operator);
      registry.addToken(token.token);
    });
  });
  return { operator, token };
}

/** One text for unknown, used, expired and another's: whoever guesses learns nothing. */
function setupRefused(): OperatorError {
  return new OperatorError(
    'operators.setup_refused',
    'the setup token is unknown, was used, withdrawn or has expired, or is for another name: it is good for one operator',
  );
}

async function addOperator(
  store: OperatorStore,
  tx: Parameters<OperatorStore['addOperator']>[0],
  operator: Operator,
): Promise<void> {
  try {
    await store.addOperator(tx, operator);
  } catch (cause) {
    if (!isConflict(cause)) throw cause;
    throw new OperatorError('operators.name_taken', `there is an operator \`${operator.name}\` already`, {
      cause,
    });
  }
}

function newToken(
  { clock, random }: OperatorServiceParts,
  operatorId: string,
  validityDays: number,
): NewToken {
  const { secret, hash } = makeSecret('fwo_', random);
  const createdAtMs = clock.now();
  const expiresAtMs = createdAtMs + validityDays * dayMs;
  return { secret, token: { tokenId: newId(random), operatorId, hash, createdAtMs, expiresAtMs } };
}

function newId(random: Random): string {
  return toHex(random.bytes(16));
}

async function createToken(
  parts: OperatorServiceParts,
  registry: OperatorRegistry,
  request: { readonly operatorId: string; readonly validityDays?: number },
): Promise<NewToken> {
  const { operatorId, validityDays = tokenValidityDaysDefault } = request;
  assertRoom(registry, { operatorId, nowMs: parts.clock.now() });
  const made = newToken(parts, operatorId, validityDays);
  const { tokenId, expiresAtMs } = made.token;
  await parts.transactor.transact(async (tx) => {
    await parts.store.addToken(tx, made.token);
    await parts.trail.append(tx, {
      kind: 'operator.token_created',
      actor: { kind: 'operator', operatorId },
      payload: { operatorId, tokenId, expiresAtMs },
    });
    tx.afterCommit(() => registry.addToken(made.token));
  });
  return made;
}

function assertRoom(
  registry: OperatorRegistry,
  { operatorId, nowMs }: { readonly operatorId: string; readonly nowMs: number },
): void {
  const usable = registry
    .tokens()
    .filter((token) => token.operatorId === operatorId && refusalOf(token, nowMs) === undefined);
  if (usable.length < usableTokensMax) return;
  throw new OperatorError(
    'operators.too_many_tokens',
    `there are ${usableTokensMax} usable tokens of this operator: revoke some first`,
  );
}

async function revokeToken(
  parts: OperatorServiceParts,
  registry: OperatorRegistry,
  request: { readonly tokenId: string; readonly by: string },
): Promise<void> {
  const { tokenId, by } = request;
  const atMs = parts.clock.now();
  await parts.transactor.transact(async (tx) => {
    if (!(await parts.store.revokeToken(tx, { tokenId, atMs }))) {
      throw new OperatorError(
        'operators.not_found',
        `there is no token \`${tokenId}\` that could be revoked`,
      );
    }
    await parts.trail.append(tx, {
      kind: 'operator.token_revoked',
      actor: { kind: 'operator', operatorId: by },
      payload: { tokenId },
    });
    tx.afterCommit(() => registry.revoke(tokenId, atMs));
  });
}

function authenticate(
  { clock }: OperatorServiceParts,
  registry: OperatorRegistry,
  secret: string,
): OperatorAuthentication {
  const token = registry.token(hashSecret(secret));
  const reason = refusalOf(token, clock.now());
  const operator = token === undefined ? undefined : registry.operator(token.operatorId);
  if (reason !== undefined || operator === undefined) return { kind: 'refused', reason: reason ?? 'unknown' };
  return { kind: 'accepted', operator };
}
