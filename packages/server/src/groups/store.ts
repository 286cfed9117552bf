import type { GroupName, ThingName, Transaction } from '@fleetward/core';

/** A static group, of things that are put in by name; with a query a dynamic one, of the things that match it now. */
export interface Group {
  readonly name: GroupName;
  readonly query?: string;
  /** For operators to find and sort by. */
  readonly tags: Readonly<Record<string, string>>;
  /** What it is under; none for a group at the top. */
  readonly parentName?: GroupName;
  readonly createdAtMs: number;
}

export interface Membership {
  readonly groupName: GroupName;
  readonly thingName: ThingName;
}

/** A change of who is under what that has not been made yet. */
export type HierarchyChange =
  | { readonly kind: 'joined' | 'left'; readonly membership: Membership }
  | { readonly kind: 'moved'; readonly name: GroupName; readonly parentName?: GroupName | undefined };

export interface GroupStore {
  /** Refuses a name that exists, or a parent that does not, with `StoreError` `store.conflict`. */
  add(tx: Transaction, group: Group): Promise<void>;
  /** Refuses a parent that does not exist with `StoreError` `store.conflict`. */
  setParent(tx: Transaction, group: Pick<Group, 'name' | 'parentName'>): Promise<boolean>;
  /** Replaces query and tags. */
  update(tx: Transaction, group: Pick<Group, 'name' | 'query' | 'tags'>): Promise<boolean>;
  /** Refuses a group with children or things with `StoreError` `store.conflict`. */
  remove(tx: Transaction, name: GroupName): Promise<boolean>;
  /** Groups with a name greater than `after`, by name. */
  page(range: { readonly after?: GroupName; readonly limit: number }): Promise<readonly Group[]>;
  /** Idempotent; refuses a group that does not exist with `StoreError` `store.conflict`. */
  addThing(tx: Transaction, membership: Membership): Promise<void>;
  /** Many that are not there yet: all of them or none; refuses one that is, and a group that does not exist, with `StoreError` `store.conflict`. */
  addThings(tx: Transaction, memberships: readonly Membership[]): Promise<void>;
  removeThing(tx: Transaction, membership: Membership): Promise<boolean>;
  /** Takes the thing out of every group. */
  forgetThing(tx: Transaction, thingName: ThingName): Promise<void>;
  /** Things of the group itself with a name greater than `after`, by name. */
  things(
    name: GroupName,
    range: { readonly after?: ThingName; readonly limit: number },
  ): Promise<readonly ThingName[]>;
  /** Every membership, for the registry in memory. */
  memberships(): Promise<readonly Membership[]>;
}
