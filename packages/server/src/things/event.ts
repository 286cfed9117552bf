import type { CertificateId, ThingName } from '@fleetward/core';

export type ThingEvent =
  /** The rights of these certificates' connections may have changed. */
  | {
      readonly kind: 'thing-attachments-changed' | 'thing-changed';
      readonly thingName: ThingName;
      readonly certificateIds: readonly CertificateId[];
    }
  /** Its devices may not connect any more; or may again. */
  | {
      readonly kind: 'thing-shut-out' | 'thing-let-in';
      readonly thingName: ThingName;
      readonly certificateIds: readonly CertificateId[];
    }
  /** Its connections were those of another thing. */
  | { readonly kind: 'certificate-transferred'; readonly certificateId: CertificateId };
