import type { Clock, Signer, ThingName } from '@fleetward/core';
import { signInstruction } from '@fleetward/updates';
import { TokenBuckets } from '../token-buckets.ts';
import { DirectorError } from './errors.ts';
import type { Offer } from './rules.ts';

export interface DirectorSettings {
  /** How long an instruction is good for. */
  readonly validityMs: number;
  readonly signaturesPerSecondMax: number;
  /** Instructions that are kept to be given again, one a thing. */
  readonly keptMax: number;
}

export interface DirectorOptions {
  readonly clock: Clock;
  readonly signer: Signer;
  /** What the thing is to have now; nothing: it is to stay as it is. */
  readonly offerFor: (thingName: ThingName) => Promise<Offer | undefined>;
  readonly settings: DirectorSettings;
}

interface Kept {
  readonly offer: Offer | undefined;
  readonly version: number;
  readonly expiresMs: number;
  readonly bytes: Promise<Uint8Array>;
}

/**
 * Tells each device by itself what to have, in targets metadata signed for it alone (Uptane's Director). It can pick among
 * what release engineers signed, and nothing else: the device compares both.
 */
export class Director {
  readonly counts = { asked: 0, signed: 0, failed: 0, signaturesPerSecondMax: 0 };
  readonly #options: DirectorOptions;
  readonly #signatures: TokenBuckets;
  /** The oldest is forgotten first. */
  readonly #kept = new Map<ThingName, Kept>();

  constructor(options: DirectorOptions) {
    this.#options = options;
    const { clock, settings } = options;
    this.#signatures = new TokenBuckets({ clock, perSecondMax: settings.signaturesPerSecondMax });
  }

  get keptCount(): number {
    return this.#kept.size;
  }

  /** The signed instruction: what was given last while it says the same and half of its life is left. Throws `director.busy`. */
  async instructionFor(thingName: ThingName): Promise<Uint8Array> {
    this.counts.asked++;
    const offer = await this.#options.offerFor(thingName);
    const last = this.#kept.get(thingName);
    if (last !== undefined && this.#isGood(last, offer)) return last.bytes;
    if (this.#signatures.take('all').kind === 'refused') {
      this.counts.signaturesPerSecondMax++;
      throw new DirectorError('director.busy', 'too many devices ask for instructions: try again later');
    }
    return this.#sign(thingName, { offer, last });
  }

  #isGood({ offer, expiresMs }: Kept, now: Offer | undefined): boolean {
    const isSame = offer?.path === now?.path && offer?.sha256 === now?.sha256;
    return isSame && expiresMs - this.#options.clock.now() > this.#options.settings.validityMs / 2;
  }

  /** ADR 6: versions only go up for a device, also after a restore from a backup or on another node. */
  #sign(
    thingName: ThingName,
    { offer, last }: { readonly offer: Offer | undefined; readonly last: Kept | undefined },
  ): Promise<Uint8Array> {
    const { clock, signer, settings } = this.#options;
    const version = Math.max((last?.version ?? 0) + 1, Math.floor(clock.now() / 1000));
    const expiresMs = clock.now() + settings.validityMs;
    const target = offer && { path: offer.path, length: offer.lengthBytes, sha256: offer.sha256 };
    const bytes = signInstruction({ thingName, target, version, expiresMs }, signer);
    this.#keep(thingName, { offer, version, expiresMs, bytes });
    return bytes;
  }

  #keep(thingName: ThingName, kept: Kept): void {
    this.#kept.delete(thingName);
    this.#kept.set(thingName, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#options.settings.keptMax) break;
      this.#kept.delete(oldest);
    }
    kept.bytes.then(
      () => this.counts.signed++,
      () => {
        this.counts.failed++;
        if (this.#kept.get(thingName) === kept) this.#kept.delete(thingName);
      },
    );
  }
}
