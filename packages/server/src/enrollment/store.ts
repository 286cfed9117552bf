import type { CertificateId, GroupName, PolicyName, Sha256, Transaction } from '@fleetward/core';
import type { TokenProfile } from './rules.ts';
import type { AttemptStep, AttemptSubject } from './trace.ts';

/** Lets a device without a certificate enrol. Only the SHA-256 of its secret is kept. */
export interface JoinToken {
  readonly tokenId: string;
  readonly hash: Sha256;
  /** The names it may take: literal characters and `*`. */
  readonly namePattern: string;
  /** Policies attached to the certificate it gets. */
  readonly policies: readonly PolicyName[];
  /** What the certificate it gets is for. */
  readonly profile: TokenProfile;
  /** The group its thing joins. */
  readonly groupName?: GroupName;
  readonly usesMax: number;
  readonly usesLeft: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
  readonly revokedAtMs?: number;
}

/** One attempt to come in, told step by step for the operator. */
export interface EnrollmentAttempt extends AttemptSubject {
  readonly attemptId: string;
  readonly atMs: number;
  readonly remoteAddress: string;
  readonly outcome:
    | 'challenged'
    | 'issued'
    | 'provisioned'
    | 'registered'
    | 'renewed'
    | 'reissued'
    | 'refused';
  /** Closed set of refusal reasons, see enrollment's rules; `ok` when issued. */
  readonly reason: string;
  readonly explanation: string;
  /** What the device asked for, such as `simpleenroll`. */
  readonly operation: string;
  readonly steps: readonly AttemptStep[];
}

export interface EnrollmentStore {
  addToken(tx: Transaction, token: JoinToken): Promise<void>;
  findToken(hash: Sha256): Promise<JoinToken | undefined>;
  listTokens(): Promise<readonly JoinToken[]>;
  /** Takes one use at `atMs`; false when none is left, it expired or was revoked, so that of two racing calls one wins. */
  useToken(tx: Transaction, use: { readonly tokenId: string; readonly atMs: number }): Promise<boolean>;
  revokeToken(
    tx: Transaction,
    revocation: { readonly tokenId: string; readonly atMs: number },
  ): Promise<boolean>;
  /** Remembers which certificate a use gave out, so that a device whose answer was lost can ask again with the same key. */
  addUse(
    tx: Transaction,
    use: { readonly tokenId: string; readonly certificateId: CertificateId; readonly publicKeyHash: string },
  ): Promise<void>;
  findUse(use: {
    readonly tokenId: string;
    readonly publicKeyHash: string;
  }): Promise<CertificateId | undefined>;
  /** Keeps the newest `keep` of its kind: by those who showed a token or certificate that the platform knows, or by strangers. */
  addAttempt(tx: Transaction, attempt: EnrollmentAttempt, bounds: { readonly keep: number }): Promise<void>;
  attempts(range: { readonly limit: number }): Promise<readonly EnrollmentAttempt[]>;
  findAttempt(attemptId: string): Promise<EnrollmentAttempt | undefined>;
}
