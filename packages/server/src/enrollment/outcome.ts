import type { CertificateId, ThingName } from '@fleetward/core';
import type { Certificate } from '@fleetward/pki';
import type { Refusal } from './refusal.ts';

/** A certificate the device may use; `chain` is leaf first, without the root. */
interface Issued {
  readonly kind: 'issued';
  /** The same as before: its answer was lost and the device asked again. */
  readonly isRepeated: boolean;
  readonly thingName: ThingName;
  readonly certificateId: CertificateId;
  readonly chain: readonly Certificate[];
  /** The key that was made for the device, in this answer and nowhere else: PKCS #8, DER. */
  readonly privateKey?: Uint8Array;
}

export type EnrollmentOutcome = Issued | Refusal;
