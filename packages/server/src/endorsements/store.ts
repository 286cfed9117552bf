import type { Sha256, Transaction } from '@fleetward/core';

/** An operator's word that a TPM is one: by its endorsement key, or by a CA that certifies those of a vendor's TPMs. */
export type EndorsementRecord = {
  readonly endorsementId: Sha256;
  readonly createdAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
} & (
  | {
      /** Its id is the hash of the endorsement key: SHA-256 of its SubjectPublicKeyInfo. */
      readonly kind: 'key';
    }
  | {
      /** Its id is that of the certificate: SHA-256 of its DER. */
      readonly kind: 'root';
      readonly der: Uint8Array;
    }
);

export interface EndorsementStore {
  /** Refuses an id that is there with `StoreError` `store.conflict`. */
  add(tx: Transaction, endorsement: EndorsementRecord): Promise<void>;
  /** False when there is none. */
  remove(tx: Transaction, endorsementId: Sha256): Promise<boolean>;
  find(endorsementId: Sha256): Promise<EndorsementRecord | undefined>;
  /** Those with an id greater than `after`, by id. */
  page(range: { readonly after?: Sha256; readonly limit: number }): Promise<readonly EndorsementRecord[]>;
  /** All of kind `root`. */
  roots(): Promise<readonly (EndorsementRecord & { readonly kind: 'root' })[]>;
}
