import { type Clock, type Random, type Transactor, toBase64Url, toHex } from '@fleetward/core';
import type { Groups } from '../groups/index.ts';
import type { Policies } from '../policies/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { EnrollmentError } from './errors.ts';
import { assertTerms, hashSecret, type JoinTokenTerms } from './rules.ts';
import type { EnrollmentStore, JoinToken } from './store.ts';

export interface JoinTokensOptions {
  readonly store: EnrollmentStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly policies: Policies;
  readonly groups: Groups;
}

/** The tokens by which devices without a certificate are let in. */
export class JoinTokens {
  readonly #options: JoinTokensOptions;

  constructor(options: JoinTokensOptions) {
    this.#options = options;
  }

  /** The secret, `fwj_…`, is in this answer and nowhere else. Throws `enrollment.token_invalid`, `policies.not_found` or `groups.not_found`. */
  async create(
    wanted: JoinTokenTerms,
    by: { readonly operatorId: string },
  ): Promise<{ readonly token: JoinToken; readonly secret: string }> {
    assertTerms(wanted);
    for (const name of wanted.policies) this.#options.policies.inForce(name);
    if (wanted.groupName !== undefined) this.#options.groups.getStatic(wanted.groupName);
    const { token, secret } = this.#mint(wanted, by.operatorId);
    const { hash: _hash, usesLeft: _left, createdAtMs: _at, createdBy: _by, ...terms } = token;
    await this.#options.transactor.transact(async (tx) => {
      await this.#options.store.addToken(tx, token);
      await this.#options.trail.append(tx, {
        kind: 'join_token.created',
        actor: { kind: 'operator', operatorId: by.operatorId },
        payload: terms,
      });
    });
    return { token, secret };
  }

  list(): Promise<readonly JoinToken[]> {
    return this.#options.store.listTokens();
  }

  /** Whatever its state. Throws `enrollment.token_not_found`. */
  async get(tokenId: string): Promise<JoinToken> {
    const token = (await this.list()).find((each) => each.tokenId === tokenId);
    if (token !== undefined) return token;
    throw new EnrollmentError('enrollment.token_not_found', `there is no join token \`${tokenId}\``);
  }

  /** Throws `enrollment.token_not_found` when there is none, or it was revoked before. */
  async revoke(tokenId: string, actor: Actor): Promise<void> {
    const atMs = this.#options.clock.now();
    await this.#options.transactor.transact(async (tx) => {
      if (!(await this.#options.store.revokeToken(tx, { tokenId, atMs }))) {
        throw new EnrollmentError(
          'enrollment.token_not_found',
          `there is no join token \`${tokenId}\` to revoke`,
        );
      }
      await this.#options.trail.append(tx, { kind: 'join_token.revoked', actor, payload: { tokenId } });
    });
  }

  /** The token of a secret, whatever its state. */
  async find(secret: string): Promise<JoinToken | undefined> {
    const hash = hashSecret(secret);
    return hash === undefined ? undefined : this.#options.store.findToken(hash);
  }

  #mint(wanted: JoinTokenTerms, createdBy: string): { readonly token: JoinToken; readonly secret: string } {
    const { random, clock } = this.#options;
    const { policies, usesMax, validityMs, ...kept } = wanted;
    const secret = `fwj_${toBase64Url(random.bytes(32))}`;
    const hash = hashSecret(secret);
    if (hash === undefined) throw new TypeError('a fresh secret does not have the form of one');
    const createdAtMs = clock.now();
    const terms = { ...kept, policies: [...new Set(policies)], usesMax, usesLeft: usesMax };
    const token = { ...terms, tokenId: toHex(random.bytes(16)), hash, createdBy, createdAtMs };
    return { token: { ...token, expiresAtMs: createdAtMs + validityMs }, secret };
  }
}
