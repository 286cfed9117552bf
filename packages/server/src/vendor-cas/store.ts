import type { CertificateId, Sha256, Transaction } from '@fleetward/core';

/** A CA of somebody else, whose devices may come in by certificates that it issued. */
export interface VendorCaRecord {
  /** That of the certificate it was registered with, also when the vendor has renewed that. */
  readonly certificateId: CertificateId;
  readonly der: Uint8Array;
  /** Lower-case hex SHA-256 of its SubjectPublicKeyInfo: a key is registered once. */
  readonly publicKeyHash: string;
  /** Only an active one is believed. */
  readonly state: VendorCaState;
  /** What becomes of a device at its first connection; without one its certificate waits for an operator. */
  readonly templateName?: string;
  readonly createdAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
}

export type VendorCaState = 'active' | 'inactive';

/** What a vendor signs to show that it holds the CA's key. Only its SHA-256 is kept. */
export interface RegistrationCode {
  readonly hash: Sha256;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
}

export interface VendorCaStore {
  addCode(tx: Transaction, code: RegistrationCode): Promise<void>;
  /** Takes the code away; false when it is not there or ended at `atMs` or before, so that of two racing calls one wins. */
  takeCode(tx: Transaction, use: { readonly hash: Sha256; readonly atMs: number }): Promise<boolean>;
  /** Forgets codes that ended at `atMs` or before. Answers how many are left. */
  removeEndedCodes(tx: Transaction, atMs: number): Promise<number>;
  /** Codes that end after `atMs`. */
  countCodes(atMs: number): Promise<number>;
  /** Refuses a certificate or key that is registered with `StoreError` `store.conflict`. */
  add(tx: Transaction, ca: VendorCaRecord): Promise<void>;
  /** Puts another certificate of its key in the place of the one it has. */
  setCertificate(
    tx: Transaction,
    renewed: { readonly certificateId: CertificateId; readonly der: Uint8Array },
  ): Promise<void>;
  /** False when there is none, or it is in that state already. */
  setState(
    tx: Transaction,
    change: { readonly certificateId: CertificateId; readonly state: VendorCaState },
  ): Promise<boolean>;
  /** False when there is none that is inactive. */
  remove(tx: Transaction, certificateId: CertificateId): Promise<boolean>;
  all(): Promise<readonly VendorCaRecord[]>;
}
