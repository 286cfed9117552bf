import type { CertificateId } from '@fleetward/core';
import type { AuthorityRecord } from './store.ts';

/** News that takes effect on live sessions. */
export type CertificateEvent =
  | { readonly kind: 'certificate-revoked'; readonly certificateId: CertificateId }
  /** It may not speak until it is resumed. */
  | { readonly kind: 'certificate-suspended'; readonly certificateId: CertificateId }
  | { readonly kind: 'certificate-resumed'; readonly certificateId: CertificateId }
  | {
      readonly kind: 'authority-changed';
      readonly certificateId: CertificateId;
      readonly state: AuthorityRecord['state'];
    };

/** Called in the tick in which the change is in memory; must not throw. Answers how many live sessions it cut. */
export type AnnounceCertificate = (event: CertificateEvent) => number;
