import type { CertificateId, Transaction } from '@fleetward/core';
import type { LeafProfileName } from '@fleetward/pki';

export type CertificateState = 'PENDING_ACTIVATION' | 'ACTIVE' | 'INACTIVE' | 'REVOKED';

/** RFC 5280 §5.3.1 reasons an operator may give. */
export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'cACompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'
  | 'privilegeWithdrawn'
  | 'certificateHold';

/** Only a hold can be lifted. */
export function isForEver(reason: RevocationReason): boolean {
  return reason !== 'certificateHold';
}

/**
 * Whether a revocation says that the device is not to be trusted, or may not be: by these two alone the certificate was merely
 * not needed any more (RFC 5280 §5.3.1).
 */
export function judgesDevice(reason: RevocationReason): boolean {
  return reason !== 'superseded' && reason !== 'cessationOfOperation';
}

/** Revoked for as long as somebody wants it: it may come back. */
export function isOnHold({
  state,
  revocationReason,
}: Pick<CertificateRecord, 'state' | 'revocationReason'>): boolean {
  return state === 'REVOKED' && revocationReason !== undefined && !isForEver(revocationReason);
}

/** What a certificate is for; `vendor`: it is of no profile of ours, since a vendor CA issued it to a device. */
export type CertificateProfile = LeafProfileName | 'vendor';

export interface CertificateRecord {
  readonly certificateId: CertificateId;
  /** Lower-case hex, without leading zero octets. */
  readonly serial: string;
  /** Certificate id of the issuing CA's certificate; a vendor's where the profile is `vendor`. */
  readonly issuerId: CertificateId;
  readonly profile: CertificateProfile;
  readonly der: Uint8Array;
  readonly subject: string;
  readonly state: CertificateState;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly issuedAtMs: number;
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo. */
  readonly publicKeyHash: string;
  readonly revokedAtMs?: number;
  readonly revocationReason?: RevocationReason;
  readonly deletedAtMs?: number;
  /** The certificate that its holder renewed with this one. */
  readonly renews?: CertificateId;
  /** When its holder last fetched CAs of which one was newer than what it knew. */
  readonly casFetchedAtMs?: number;
}

/** What authorisation needs of a certificate, without its bytes. */
export type CertificateSummary = Omit<CertificateRecord, 'der' | 'subject'>;

/** When its holder was last given the platform's CAs: with the certificate, or since. */
export function toldOfCasAtMs({
  issuedAtMs,
  casFetchedAtMs = 0,
}: Pick<CertificateSummary, 'issuedAtMs' | 'casFetchedAtMs'>): number {
  return Math.max(issuedAtMs, casFetchedAtMs);
}

export interface AuthorityRecord {
  readonly certificateId: CertificateId;
  /** `cross`: the key of a root, certified by another root. */
  readonly kind: 'root' | 'issuing' | 'cross';
  readonly der: Uint8Array;
  /** Name of its key in the signing process; empty when it is not there. */
  readonly keyName: string;
  /** A retired authority issues no more; a removed one is no longer trusted. */
  readonly state: 'active' | 'retired' | 'removed';
  readonly createdAtMs: number;
}

export interface CrlRecord {
  readonly issuerId: CertificateId;
  readonly number: number;
  readonly der: Uint8Array;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
}

/** Which certificates; what is not said is not asked. */
export interface CertificateFilter {
  readonly state?: CertificateState;
  readonly profile?: CertificateProfile;
  readonly issuerId?: CertificateId;
  readonly certificateIds?: readonly CertificateId[];
  /** Ends at or after. */
  readonly endsFromMs?: number;
  /** Ends before. */
  readonly endsBeforeMs?: number;
}

export interface CertificateStore {
  /** Refuses an id, a serial of the same issuer, that exists with `StoreError` `store.conflict`. */
  add(tx: Transaction, certificate: CertificateRecord): Promise<void>;
  /** As `add` for many: all of them or none. */
  addAll(tx: Transaction, certificates: readonly CertificateRecord[]): Promise<void>;
  /** Not one that is deleted. */
  find(certificateId: CertificateId, tx?: Transaction): Promise<CertificateRecord | undefined>;
  findByPublicKey(publicKeyHash: string, tx?: Transaction): Promise<readonly CertificateRecord[]>;
  /** Which of the keys have, or had, certificates. */
  holdersOf(publicKeyHashes: readonly string[], tx?: Transaction): Promise<readonly CertificateSummary[]>;
  /** Certificates with an id greater than `after`, by id; without those deleted. */
  page(range: {
    readonly after?: CertificateId;
    readonly limit: number;
    readonly filter?: CertificateFilter;
  }): Promise<readonly CertificateRecord[]>;
  /** All certificates in pages of `limit` by id, for the registry in memory. */
  summaries(range: {
    readonly after?: CertificateId;
    readonly limit: number;
  }): Promise<readonly CertificateSummary[]>;
  /** False when it is not there or deleted, or not in the state that it is deleted from. Its row stays. */
  markDeleted(
    tx: Transaction,
    deletion: {
      readonly certificateId: CertificateId;
      readonly atMs: number;
      /** Any, unless said. */
      readonly from?: CertificateState;
    },
  ): Promise<boolean>;
  /** False when it is not in the state `from` any more, or deleted. */
  setState(
    tx: Transaction,
    change: {
      readonly certificateId: CertificateId;
      readonly from: CertificateState;
      readonly to: CertificateState;
    },
  ): Promise<boolean>;
  /** False when it was revoked before; a hold gives way to a revocation that is for ever. */
  revoke(
    tx: Transaction,
    revocation: {
      readonly certificateId: CertificateId;
      readonly atMs: number;
      readonly reason: RevocationReason;
    },
  ): Promise<boolean>;
  /** Ends a hold from `heldAtMs` or before. Answers the state it had before it; nothing when there is no such hold. */
  unhold(
    tx: Transaction,
    hold: { readonly certificateId: CertificateId; readonly heldAtMs: number },
  ): Promise<CertificateState | undefined>;
  /** What a certificate's holder was given last; nothing where there is no such certificate. */
  setCasFetched(
    tx: Transaction,
    fetch: { readonly certificateId: CertificateId; readonly atMs: number },
  ): Promise<void>;
  revoked(issuerId: CertificateId): Promise<readonly CertificateSummary[]>;
  addAuthority(tx: Transaction, authority: AuthorityRecord): Promise<void>;
  setAuthorityState(
    tx: Transaction,
    change: { readonly certificateId: CertificateId; readonly state: AuthorityRecord['state'] },
  ): Promise<void>;
  authorities(): Promise<readonly AuthorityRecord[]>;
  /** Replaces the issuer's CRL; refuses a number that is not higher with `StoreError` `store.conflict`. */
  saveCrl(tx: Transaction, crl: CrlRecord): Promise<void>;
  findCrl(issuerId: CertificateId): Promise<CrlRecord | undefined>;
}
