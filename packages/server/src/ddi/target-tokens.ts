import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type Clock,
  parseSha256,
  type Random,
  type Sha256,
  type ThingName,
  type Transaction,
  type Transactor,
  toBase64Url,
} from '@fleetward/core';
import { type Certificates, judgesDevice } from '../certificates/index.ts';
import type { Groups } from '../groups/index.ts';
import { maySpeak, type Things } from '../things/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { DdiError } from './errors.ts';
import type { TargetToken, TargetTokenStore } from './store.ts';

export interface TargetTokensParts {
  readonly store: TargetTokenStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly things: Pick<Things, 'get' | 'known' | 'hold' | 'certificatesOf' | 'certificatesEverOf'>;
  readonly groups: Pick<Groups, 'groupsOf' | 'withAncestors'>;
  readonly certificates: Pick<Certificates, 'revocationOf' | 'summary'>;
  /** Groups of which, and under which, things may have one. */
  readonly groupNames: readonly string[];
}

/** What a client showed, judged. `explanation` is for the operator. */
export type TokenVerdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'refused'; readonly explanation: string };

/**
 * hawkBit's TargetToken: a secret that speaks for one thing, where its group allows it. Weaker than a certificate, as it is sent with
 * each request and copied without a trace.
 */
export class TargetTokens {
  readonly #parts: TargetTokensParts;

  constructor(parts: TargetTokensParts) {
    this.#parts = parts;
  }

  /**
   * The secret, `fwt_…`, is in this answer and nowhere else; what the thing had before is good no more. Throws `things.not_found` or
   * `ddi.token_not_allowed`.
   */
  create(
    thingName: ThingName,
    by: Extract<Actor, { readonly kind: 'operator' }>,
  ): Promise<{ readonly token: TargetToken; readonly secret: string }> {
    const { things, random, clock, store, transactor, trail } = this.#parts;
    return things.hold(thingName, async () => {
      things.get(thingName);
      if (!this.#isAllowed(thingName)) throw notAllowed(thingName);
      const secret = `fwt_${toBase64Url(random.bytes(32))}`;
      const { operatorId: createdBy } = by;
      const token = { thingName, hash: hashOf(secret), createdAtMs: clock.now(), createdBy };
      await transactor.transact(async (tx) => {
        await store.put(tx, token);
        await trail.append(tx, { kind: 'target_token.created', actor: by, payload: { thingName } });
      });
      return { token, secret };
    });
  }

  /** At once. Throws `ddi.token_not_found`. */
  async remove(thingName: ThingName, actor: Actor): Promise<void> {
    const { store, transactor, trail } = this.#parts;
    await transactor.transact(async (tx) => {
      if (!(await store.remove(tx, thingName)))
        throw new DdiError('ddi.token_not_found', `thing \`${thingName}\` has no target token`);
      await trail.append(tx, { kind: 'target_token.removed', actor, payload: { thingName } });
    });
  }

  page(range: Parameters<TargetTokenStore['page']>[0]): Promise<readonly TargetToken[]> {
    return this.#parts.store.page(range);
  }

  /** As part of the removal of the thing. */
  async forgetThing(tx: Transaction, thingName: ThingName): Promise<void> {
    await this.#parts.store.remove(tx, thingName);
  }

  /** Read from the records each time: one that was deleted on another node is good no more. */
  async judge(thingName: ThingName, secret: string): Promise<TokenVerdict> {
    // Looked up and compared whatever comes of it, so that the time does not say which things there are, or have one.
    const token = await this.#parts.store.find(thingName);
    const isRight = isSame(token?.hash ?? absent, hashOf(secret));
    if (!this.#isAllowed(thingName))
      return refused(
        'no group of it allows target tokens (setting `ddi.targetTokenGroups`), or there is no such thing',
      );
    if (token === undefined) return refused('the thing has no target token');
    if (!isRight) return refused('the target token is not that of the thing');
    const state = this.#parts.things.known(thingName)?.state;
    if (state === undefined || !maySpeak(state)) return refused(`the thing is ${state ?? 'gone'}`);
    if (this.#isShutOut(token))
      return refused('a certificate of the thing was revoked after its target token was made');
    if (this.#isSwitchedOff(thingName))
      return refused('a certificate of the thing is INACTIVE: set it ACTIVE again, detach it, or revoke it');
    return { kind: 'good' };
  }

  #isAllowed(thingName: ThingName): boolean {
    const { groups, groupNames } = this.#parts;
    return groups.withAncestors(groups.groupsOf(thingName)).some((name) => groupNames.includes(name));
  }

  /** Who revokes a device means all of it: a token from before does not bring it back. */
  #isShutOut({ thingName, createdAtMs }: TargetToken): boolean {
    const { things, certificates } = this.#parts;
    return [...things.certificatesEverOf(thingName)].some((certificateId) => {
      const revocation = certificates.revocationOf(certificateId);
      return (
        revocation !== undefined && judgesDevice(revocation.reason) && revocation.revokedAtMs >= createdAtMs
      );
    });
  }

  /** By an operator, or because two devices seemed to hold its key: the thing is not to go on by its token instead. */
  #isSwitchedOff(thingName: ThingName): boolean {
    const { things, certificates } = this.#parts;
    return things
      .certificatesOf(thingName)
      .some(({ certificateId }) => certificates.summary(certificateId)?.state === 'INACTIVE');
  }
}

/** A plain SHA-256 is enough for 256 random bits. */
function hashOf(secret: string): Sha256 {
  return parseSha256(createHash('sha256').update(secret, 'utf8').digest('hex'));
}

const absent = '0'.repeat(64);

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));
}

function refused(explanation: string): TokenVerdict {
  return { kind: 'refused', explanation };
}

function notAllowed(thingName: ThingName): DdiError {
  return new DdiError(
    'ddi.token_not_allowed',
    `no group of thing \`${thingName}\` allows target tokens: name one in the setting \`ddi.targetTokenGroups\``,
  );
}
