import type { Sha256, ThingName, Transaction } from '@fleetward/core';

/** Lets a DDI client speak for a thing without a certificate. Only the SHA-256 of its secret is kept. */
export interface TargetToken {
  readonly thingName: ThingName;
  readonly hash: Sha256;
  readonly createdAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
}

export interface TargetTokenStore {
  /** In the place of one that the thing had. */
  put(tx: Transaction, token: TargetToken): Promise<void>;
  /** Whether there was one. */
  remove(tx: Transaction, thingName: ThingName): Promise<boolean>;
  find(thingName: ThingName): Promise<TargetToken | undefined>;
  /** Those of things with a name greater than `after`, by name. */
  page(range: { readonly after?: ThingName; readonly limit: number }): Promise<readonly TargetToken[]>;
}
