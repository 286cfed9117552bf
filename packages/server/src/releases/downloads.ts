import type { CertificateId, Sha256, ThingName } from '@fleetward/core';
import type { ArtifactRange } from './artifact-store.ts';
import type { Artifacts } from './artifacts.ts';
import { Bandwidth, type BandwidthParts, type Cap } from './bandwidth.ts';
import { ReleaseError } from './errors.ts';
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

export interface DownloadsParts extends BandwidthParts {
  readonly artifacts: Pick<Artifacts, 'read'>;
  readonly rules: DownloadRules;
  /** At once; one more is told to try again. */
  readonly downloadsMax: number;
  /** Of one device; 0: no cap. */
  readonly deviceBytesPerSecond: number;
}

/** The downloads of devices: allowed, counted, and under caps. */
export class Downloads {
  readonly #parts: DownloadsParts;
  readonly #bandwidth: Bandwidth;
  readonly #counts = { underWay: 0, completed: 0, broken: 0, bytes: 0, refused: 0, overLimit: 0 };

  constructor(parts: DownloadsParts) {
    this.#parts = parts;
    this.#bandwidth = new Bandwidth(parts);
  }

  get counts(): Readonly<Record<string, number>> {
    return { ...this.#counts, waits: this.#bandwidth.waits };
  }

  /** Throws `ReleaseError`. */
  check(device: DownloadingDevice, target: ListedTarget): void {
    if (!this.#parts.rules.mayFetch(device, target)) {
      this.#counts.refused++;
      throw new ReleaseError('releases.not_offered', `\`${target.path}\` is not offered to this device`);
    }
    if (this.#counts.underWay < this.#parts.downloadsMax) return;
    this.#counts.overLimit++;
    throw new ReleaseError(
      'releases.too_many_downloads',
      'too many downloads at once (setting `releases.downloadsMax`): try again later',
    );
  }

  /** A range of a target that was checked, as fast as the caps allow. */
  async *read(
    device: DownloadingDevice,
    {
      target,
      range,
      signal,
    }: { readonly target: ListedTarget; readonly range: ArtifactRange; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const counts = this.#counts;
    const by = { device: keyOf(device), caps: this.#capsOf(device, target), signal };
    let isWhole = false;
    counts.underWay++;
    try {
      for await (const piece of this.#parts.artifacts.read(target.sha256, range)) {
        const turn = this.#bandwidth.take(piece.length, by);
        if (turn !== undefined) await turn;
        counts.bytes += piece.length;
        yield piece;
      }
      isWhole = true;
    } finally {
      counts.underWay--;
      counts[isWhole ? 'completed' : 'broken']++;
    }
  }

  #capsOf(device: DownloadingDevice, target: ListedTarget): readonly Cap[] {
    const { deviceBytesPerSecond, rules } = this.#parts;
    const own = { key: `device ${keyOf(device)}`, bytesPerSecond: deviceBytesPerSecond };
    return [...(deviceBytesPerSecond === 0 ? [] : [own]), ...rules.capsOf(device, target)];
  }
}

/** What its share is counted by. */
function keyOf({ certificateId, thingName }: DownloadingDevice): string {
  return certificateId ?? `thing ${thingName}`;
}
