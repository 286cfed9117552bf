import type { ThingName, Transaction } from '@fleetward/core';
import type { ShadowDocument, ShadowKey } from './document.ts';

export interface StoredShadow extends ShadowDocument, ShadowKey {
  readonly updatedAtMs: number;
}

export interface ShadowStore {
  /** Also those that are deleted and only count on; of at most 1,000 keys. */
  find(keys: readonly ShadowKey[], tx?: Transaction): Promise<readonly StoredShadow[]>;
  /** Of these things, those that are registered as the transaction sees it. */
  registered(tx: Transaction, names: readonly ThingName[]): Promise<readonly ThingName[]>;
  /** Replaces what is kept of each. */
  save(tx: Transaction, shadows: readonly StoredShadow[]): Promise<void>;
  /** The shadows of a thing by name, the classic one and deleted ones included; after that name. */
  ofThing(
    thingName: ThingName,
    page: { readonly after?: string; readonly limit: number },
    tx?: Transaction,
  ): Promise<readonly StoredShadow[]>;
  /**
   * Shadows after that one, in the order of `THING/NAME`, for the search: what those of these names hold, and of others either that or
   * nothing.
   */
  page(range: {
    readonly shadowNames: readonly string[];
    readonly after?: ShadowKey;
    readonly limit: number;
  }): Promise<readonly (ShadowKey & Pick<ShadowDocument, 'state'>)[]>;
  /** Removes also what counts on. */
  remove(tx: Transaction, key: ShadowKey): Promise<void>;
  /** Removes all of a thing. */
  forget(tx: Transaction, thingName: ThingName): Promise<void>;
}
