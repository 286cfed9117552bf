import type { CertificateId, Sha256, ThingName } from '@fleetward/core';
import type { ArtifactRange } from './artifact-store.ts';
import type { Artifacts } from './artifacts.ts';
import { Bandwidth, type BandwidthParts, type Cap } from './bandwidth.ts';
import { ReleaseError } from './errors.ts';
import { type Place, Places, type PlacesOptions } from './places.ts';
import type { ListedTarget } from './rules.ts';

/** Who asks for a target. */
export interface DownloadingDevice {
  /** None: it showed who it is in another way, and is known by its thing. */
  readonly certificateId?: CertificateId;
  /** Of a certificate that speaks for one thing. */
  readonly thingName?: ThingName;
}

/** What decides on downloads from above: who may fetch what, and under which caps besides those of the settings. */
export interface DownloadRules {
  mayFetch(device: DownloadingDevice, artifact: { readonly sha256: Sha256; readonly path: string }): boolean;
  capsOf(device: DownloadingDevice, artifact: { readonly sha256: Sha256 }): readonly Cap[];
}

export interface DownloadsParts extends BandwidthParts, PlacesOptions {
  readonly artifacts: Pick<Artifacts, 'read'>;
  readonly rules: DownloadRules;
  /** Of one device; 0: no cap. */
  readonly deviceBytesPerSecond: number;
}

/** The downloads of devices: allowed, counted, and under caps. */
export class Downloads {
  readonly #parts: DownloadsParts;
  readonly #bandwidth: Bandwidth;
  readonly #places: Places;
  readonly #counts = { completed: 0, broken: 0, bytes: 0, refused: 0, overLimit: 0, madeRoom: 0 };

  constructor(parts: DownloadsParts) {
    this.#parts = parts;
    this.#bandwidth = new Bandwidth(parts);
    this.#places = new Places(parts);
  }

  get counts(): Readonly<Record<string, number>> {
    return { underWay: this.#places.count, ...this.#counts, waits: this.#bandwidth.waits };
  }

  /** Throws `ReleaseError`. */
  check(device: DownloadingDevice, target: ListedTarget): void {
    if (!this.#parts.rules.mayFetch(device, target)) {
      this.#counts.refused++;
      throw new ReleaseError('releases.not_offered', `\`${target.path}\` is not offered to this device`);
    }
    this.#assertPlace(keyOf(device));
  }

  #assertPlace(device: string): void {
    const setting = this.#places.obstacle(device);
    if (setting === undefined) return;
    this.#counts.overLimit++;
    throw new ReleaseError(
      'releases.too_many_downloads',
      `too many downloads at once (setting \`releases.${setting}\`): try again later`,
    );
  }

  /** A range of a target that was checked, as fast as the caps allow. `cut` ends the connection. Throws as `check`: others may have come in between. */
  async *read(device: DownloadingDevice, reading: Reading): AsyncGenerator<Uint8Array, void, undefined> {
    const { target, range, signal, cut } = reading;
    const counts = this.#counts;
    const key = keyOf(device);
    this.#assertPlace(key);
    const by = { device: key, caps: this.#capsOf(device, target), signal };
    const { place, isMadeRoom } = this.#places.take(key, cut);
    if (isMadeRoom) counts.madeRoom++;
    let isWhole = false;
    try {
      for await (const piece of this.#parts.artifacts.read(target.sha256, range)) {
        const turn = this.#bandwidth.take(piece.length, by);
        if (turn !== undefined) await turn;
        counts.bytes += piece.length;
        yield* this.#passed(piece, place);
      }
      isWhole = true;
    } finally {
      this.#places.leave(place);
      counts[isWhole ? 'completed' : 'broken']++;
    }
  }

  /** Whoever asks for the next piece has taken this one. */
  *#passed(piece: Uint8Array, place: Place): Generator<Uint8Array, void, undefined> {
    const sinceMs = this.#parts.monotonicMs();
    place.waitingSinceMs = sinceMs;
    yield piece;
    place.waitingSinceMs = undefined;
    place.readerMs += this.#parts.monotonicMs() - sinceMs;
    place.bytes += piece.length;
  }

  #capsOf(device: DownloadingDevice, target: ListedTarget): readonly Cap[] {
    const { deviceBytesPerSecond, rules } = this.#parts;
    const own = { key: `device ${keyOf(device)}`, bytesPerSecond: deviceBytesPerSecond };
    return [...(deviceBytesPerSecond === 0 ? [] : [own]), ...rules.capsOf(device, target)];
  }
}

interface Reading {
  readonly target: ListedTarget;
  readonly range: ArtifactRange;
  readonly signal: AbortSignal;
  readonly cut: (cause: Error) => void;
}

/** A thing is one device, however many certificates it has. */
function keyOf({ thingName, certificateId }: DownloadingDevice): string {
  return thingName === undefined ? `certificate ${certificateId}` : `thing ${thingName}`;
}
