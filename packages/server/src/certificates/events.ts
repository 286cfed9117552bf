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

/** What an event did to devices. */
export interface EventEffect {
  /** Connections, MQTT and HTTPS, with what was on its way on them. */
  readonly sessionsCut: number;
  /** Sessions that are kept for devices that are away: nothing is delivered from them or added any more. */
  readonly queuesFrozen: number;
}

export const noEffect: EventEffect = { sessionsCut: 0, queuesFrozen: 0 };

/** Called in the tick in which the change is in memory; must not throw. */
export type AnnounceCertificate = (event: CertificateEvent) => EventEffect;
