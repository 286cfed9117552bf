import type { CertificateId, Clock } from '@fleetward/core';
import { type ConnectVerdict, REASON } from '@fleetward/mqtt';
import { TokenBuckets } from '../token-buckets.ts';

interface ConnectRateOptions {
  readonly clock: Clock;
  readonly perSecondMax: number;
  /** Told at most once a second of a certificate. */
  readonly refused: (certificateId: CertificateId) => void;
}

/** Bounds the CONNECTs of one certificate, whatever client ids it uses: each asks the policy and may end another connection. */
export class ConnectRate {
  readonly #buckets: TokenBuckets;
  readonly #refused: ConnectRateOptions['refused'];
  #refusals = 0;

  constructor({ clock, perSecondMax, refused }: ConnectRateOptions) {
    this.#buckets = new TokenBuckets({ clock, perSecondMax });
    this.#refused = refused;
  }

  /** Since the start. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Undefined: it may go on. */
  refusalOf(certificateId: CertificateId): ConnectVerdict | undefined {
    const outcome = this.#buckets.take(certificateId);
    if (outcome.kind === 'taken') return undefined;
    this.#refusals++;
    if (outcome.isFirst) this.#refused(certificateId);
    return { kind: 'refuse', reasonCode: REASON.connectionRateExceeded };
  }
}
