import type { CertificateId, GroupName, ThingName, Transaction } from '@fleetward/core';
import { isConflict } from '../store-error.ts';
import type { Things } from '../things/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { groupNotFound, notMember } from './errors.ts';
import type { GroupRegistry } from './registry.ts';
import { assertRoom, type GroupLimits } from './rules.ts';
import type { GroupStore, HierarchyChange, Membership } from './store.ts';

export interface MembershipsParts {
  readonly store: Pick<GroupStore, 'addThing' | 'addThings' | 'removeThing' | 'forgetThing'>;
  readonly trail: Pick<Trail, 'append'>;
  readonly registry: GroupRegistry;
  readonly things: Pick<Things, 'get' | 'hold'>;
  readonly limits: Pick<GroupLimits, 'groupsPerThingMax'>;
  /** The certificates that speak for the thing. */
  readonly certificatesOf: (thingName: ThingName) => readonly CertificateId[];
  /** Does the work in a transaction when what is required of policies holds after the change. */
  readonly change: (
    change: { readonly change: HierarchyChange; readonly certificateIds: readonly CertificateId[] },
    work: (tx: Transaction) => Promise<void>,
  ) => Promise<void>;
  /** Called in the tick in which the commit is known. */
  readonly announce: (groupName: GroupName, certificateIds: readonly CertificateId[]) => void;
}

/** Which things were put into which static groups: a thing is in a bounded number of them, and in each once. */
export class Memberships {
  readonly #parts: MembershipsParts;

  constructor(parts: MembershipsParts) {
    this.#parts = parts;
  }

  /** Takes effect on live connections at once. Throws `groups.not_found`, `things.not_found` or `groups.limit`. */
  add(membership: Membership, actor: Actor): Promise<void> {
    const { things, certificatesOf, change } = this.#parts;
    const { thingName } = membership;
    return things.hold(thingName, async () => {
      this.#assertAddable(membership);
      const certificateIds = certificatesOf(thingName);
      await change({ change: { kind: 'joined', membership }, certificateIds }, (tx) =>
        this.#putIn(tx, membership, actor),
      );
    });
  }

  /** As part of another change, for a thing that may come with it; a member stays one. Throws `groups.not_found` or `groups.limit`. */
  async addWithin(tx: Transaction, membership: Membership, actor: Actor): Promise<void> {
    const { groupName, thingName } = membership;
    this.assertPlaceable(thingName, [groupName]);
    if (this.#parts.registry.groupsOf(thingName).includes(groupName)) return;
    await this.#putIn(tx, membership, actor);
  }

  /** Throws `groups.not_found`, `groups.dynamic` or `groups.limit` when the thing cannot be in all of these as well. */
  assertPlaceable(thingName: ThingName, groupNames: readonly GroupName[]): void {
    const { registry, limits } = this.#parts;
    const present = new Set(registry.groupsOf(thingName));
    const what = `thing \`${thingName}\` is in as many groups as it may be`;
    const { groupsPerThingMax: max } = limits;
    for (const groupName of groupNames) {
      registry.getStatic(groupName);
      if (present.has(groupName)) continue;
      assertRoom(present.size, { max, what, setting: 'groupsPerThingMax' });
      present.add(groupName);
    }
  }

  /**
   * For things that are made in this transaction, which no certificate speaks for yet: no connection and no promise about policies
   * can change. Who makes them tells the trail. Throws `StoreError` `store.conflict` for a group that is gone.
   */
  async placeWithin(tx: Transaction, memberships: readonly Membership[]): Promise<void> {
    await this.#parts.store.addThings(tx, memberships);
    tx.afterCommit(() => {
      for (const membership of memberships) this.#parts.registry.addThing(membership);
    });
  }

  /** Takes effect on live connections at once. Throws `groups.not_member`. */
  remove(membership: Membership, actor: Actor): Promise<void> {
    const { store, trail, registry, things, certificatesOf, change, announce } = this.#parts;
    const { groupName, thingName } = membership;
    return things.hold(thingName, () => {
      if (registry.isDynamic(groupName)) registry.getStatic(groupName);
      const certificateIds = certificatesOf(thingName);
      return change({ change: { kind: 'left', membership }, certificateIds }, async (tx) => {
        if (!(await store.removeThing(tx, membership))) throw notMember(membership);
        await trail.append(tx, { kind: 'group.thing_removed', actor, payload: { ...membership } });
        tx.afterCommit(() => {
          registry.removeThing(membership);
          announce(groupName, certificatesOf(thingName));
        });
      });
    });
  }

  /** Takes a thing that is being removed out of every group. */
  async forgetThing(tx: Transaction, thingName: ThingName): Promise<void> {
    const { store, registry } = this.#parts;
    await store.forgetThing(tx, thingName);
    tx.afterCommit(() => {
      for (const groupName of registry.groupsOf(thingName)) registry.removeThing({ groupName, thingName });
    });
  }

  #assertAddable({ groupName, thingName }: Membership): void {
    this.#parts.registry.getStatic(groupName);
    this.#parts.things.get(thingName);
    this.assertPlaceable(thingName, [groupName]);
  }

  async #putIn(tx: Transaction, membership: Membership, actor: Actor): Promise<void> {
    const { trail, registry, certificatesOf, announce } = this.#parts;
    const { groupName, thingName } = membership;
    await this.#store(tx, membership);
    await trail.append(tx, { kind: 'group.thing_added', actor, payload: { ...membership } });
    tx.afterCommit(() => {
      registry.addThing(membership);
      announce(groupName, certificatesOf(thingName));
    });
  }

  async #store(tx: Transaction, membership: Membership): Promise<void> {
    try {
      await this.#parts.store.addThing(tx, membership);
    } catch (cause) {
      // The group was removed a moment ago.
      throw isConflict(cause) ? groupNotFound(membership.groupName) : cause;
    }
  }
}
