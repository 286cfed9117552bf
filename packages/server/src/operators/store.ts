import type { Sha256, Transaction } from '@fleetward/core';

export interface Operator {
  readonly operatorId: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** The operator by whose invitation they came; absent: by a setup token that was made at the machine. */
  readonly invitedBy?: string;
}

/** A bearer token of an operator; only its SHA-256 is kept. */
export interface OperatorToken {
  readonly tokenId: string;
  readonly operatorId: string;
  readonly hash: Sha256;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly revokedAtMs?: number;
}

/** The one-time token that `fleetward init` prints, or an operator makes for another; only its SHA-256 is kept. */
export interface SetupToken {
  readonly hash: Sha256;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly usedAtMs?: number;
  /** Absent for a token of the machine, which is good for any name. */
  readonly invitation?: Invited;
}

/** Who is invited, and by which operator. */
export interface Invited {
  readonly operatorName: string;
  readonly invitedBy: string;
}

export type Invitation = SetupToken & { readonly invitation: Invited };

export interface OperatorStore {
  addSetupToken(tx: Transaction, token: SetupToken): Promise<void>;
  /** Removes every setup token that was not used, or of those only invitations; answers how many. */
  removeUnusedSetupTokens(
    tx: Transaction,
    which?: { readonly operatorName: string } | { readonly expiredAtMs: number },
  ): Promise<number>;
  /** Invitations that were not used, the expired ones too. */
  unusedInvitations(tx?: Transaction): Promise<readonly Invitation[]>;
  findSetupToken(hash: Sha256): Promise<SetupToken | undefined>;
  /** Marks it used; false when it was used before or does not exist, so that of two racing calls one wins. */
  useSetupToken(tx: Transaction, use: { readonly hash: Sha256; readonly atMs: number }): Promise<boolean>;
  /** Refuses a second operator of the same name with `StoreError` `store.conflict`. */
  addOperator(tx: Transaction, operator: Operator): Promise<void>;
  findOperator(operatorId: string): Promise<Operator | undefined>;
  listOperators(): Promise<readonly Operator[]>;
  addToken(tx: Transaction, token: OperatorToken): Promise<void>;
  findToken(hash: Sha256): Promise<OperatorToken | undefined>;
  listTokens(operatorId: string): Promise<readonly OperatorToken[]>;
  /** False when there is no such token or it was revoked before. */
  revokeToken(
    tx: Transaction,
    revocation: { readonly tokenId: string; readonly atMs: number },
  ): Promise<boolean>;
}
