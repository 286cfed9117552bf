import type { CertificateId, Clock } from '@fleetward/core';
import { type Refusal, refuse } from '../enrollment/index.ts';
import { TokenBuckets } from '../token-buckets.ts';

export interface NewcomersOptions {
  readonly clock: Clock;
  readonly settings: {
    readonly firstConnectionsPerSecondPerCaMax: number;
    readonly firstConnectionsPerSecondMax: number;
    readonly firstConnectionsInFlightMax: number;
    readonly refusedAgainSeconds: number;
  };
}

/** Refused certificates that are remembered; the one refused longest ago is forgotten first. */
const refusedMax = 10_000;
const secondMs = 1_000;

/** Bounds first connections: each certificate once at a time, one that was refused not again at once, a rate for each CA and for all. */
export class Newcomers {
  readonly #options: NewcomersOptions;
  readonly #ofCa: TokenBuckets;
  readonly #ofAll: TokenBuckets;
  /** By the CA that issued each. */
  readonly #underWay = new Map<CertificateId, CertificateId>();
  readonly #refusedAtMs = new Map<CertificateId, number>();
  #passedOver = 0;

  constructor(options: NewcomersOptions) {
    const { clock, settings } = options;
    this.#options = options;
    this.#ofCa = new TokenBuckets({ clock, perSecondMax: settings.firstConnectionsPerSecondPerCaMax });
    this.#ofAll = new TokenBuckets({ clock, perSecondMax: settings.firstConnectionsPerSecondMax });
  }

  get counts(): Readonly<Record<'underWay' | 'passedOver', number>> {
    return { underWay: this.#underWay.size, passedOver: this.#passedOver };
  }

  /** False while the same certificate is looked at, or was refused a moment ago: a device in a loop takes nothing from the others. */
  enter(certificateId: CertificateId, vendorCaId: CertificateId): boolean {
    if (this.#underWay.has(certificateId) || this.#wasRefused(certificateId)) {
      this.#passedOver++;
      return false;
    }
    this.#underWay.set(certificateId, vendorCaId);
    return true;
  }

  leave(certificateId: CertificateId, how: 'provisioned' | 'registered' | 'refused'): void {
    this.#underWay.delete(certificateId);
    this.#refusedAtMs.delete(certificateId);
    if (how !== 'refused') return;
    const [oldest] = this.#refusedAtMs.keys();
    if (this.#refusedAtMs.size >= refusedMax && oldest !== undefined) this.#refusedAtMs.delete(oldest);
    this.#refusedAtMs.set(certificateId, this.#options.clock.now());
  }

  /** Certificates of this CA that are looked at now. */
  underWay(vendorCaId: CertificateId): number {
    return [...this.#underWay.values()].filter((id) => id === vendorCaId).length;
  }

  /** Its own CA first: one that is over its rate takes nothing from the others. */
  excess(vendorCaId: CertificateId): Refusal | undefined {
    const { firstConnectionsInFlightMax } = this.#options.settings;
    if (this.#underWay.size > firstConnectionsInFlightMax) return busy('firstConnectionsInFlightMax');
    if (this.#ofCa.take(vendorCaId).kind === 'refused') return busy('firstConnectionsPerSecondPerCaMax');
    if (this.#ofAll.take('all').kind === 'refused') return busy('firstConnectionsPerSecondMax');
    return undefined;
  }

  #wasRefused(certificateId: CertificateId): boolean {
    const atMs = this.#refusedAtMs.get(certificateId);
    const { clock, settings } = this.#options;
    return atMs !== undefined && Math.abs(clock.now() - atMs) < settings.refusedAgainSeconds * secondMs;
  }
}

function busy(setting: string): Refusal {
  return refuse(
    'vendor_ca_busy',
    `too many first connections (setting \`vendorCas.${setting}\`); the device comes again`,
  );
}
