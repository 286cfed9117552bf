import type { CertificateId, Clock, Transactor } from '@fleetward/core';
import type { Certificates } from '../certificates/index.ts';
import type { IssuanceLog } from '../issuance-log/index.ts';
import type { Things } from '../things/index.ts';
import { TokenBuckets } from '../token-buckets.ts';
import type { Trail } from '../trail/index.ts';
import { type Detection, KeptDetections } from './kept.ts';

export interface UnloggedOptions {
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly things: Pick<Things, 'attachmentsOf'>;
  readonly certificates: Pick<Certificates, 'authorities' | 'summaries'>;
  readonly issuanceLog: Pick<IssuanceLog, 'missing'>;
  /** Called when an entry of the trail tells of it. */
  readonly announce: (detection: Detection) => void;
  readonly warn: (message: string, error: unknown) => void;
  readonly settings: {
    readonly compareHours: number;
    readonly incidentsMax: number;
    readonly unregisteredPerSecondMax: number;
  };
}

/** Certificates that are looked up in the log at once. */
const pageMax = 1_000;
const hourMs = 3_600_000;
/** Presented certificates that are looked up at once; of more it is counted that they came. */
const lookUpsMax = 64;
/** The one bucket: whoever has the CA's key has as many certificates and addresses as they like. */
const everybody = 'unregistered';

/**
 * Certificates that were issued and are not in the issuance log: in the registry, as somebody wrote them there behind the platform's
 * back, or in the hands of whoever connects with them, as somebody else used a CA's key.
 */
export class UnloggedCertificates {
  readonly #options: UnloggedOptions;
  readonly #kept: KeptDetections;
  readonly #rate: TokenBuckets;
  readonly #writing = new Set<Promise<void>>();
  readonly #lookUps = new Set<Promise<void>>();
  readonly #counts = { unlogged: 0, unregistered: 0, untold: 0 };
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(options: UnloggedOptions) {
    const { clock, settings } = options;
    this.#options = options;
    // News once; again after a restart, and when so many others came that it was forgotten.
    this.#kept = new KeptDetections({
      keptMax: settings.incidentsMax,
      windowMs: Number.POSITIVE_INFINITY,
    });
    this.#rate = new TokenBuckets({ clock, perSecondMax: settings.unregisteredPerSecondMax });
  }

  /** `unlogged`: at the last comparison. Since the start: connections with unregistered ones, and of both those that no entry tells of. */
  get counts(): Readonly<Record<'unlogged' | 'unregistered' | 'untold', number>> {
    return this.#counts;
  }

  /** Newest first. */
  list(limit: number): readonly Detection[] {
    return this.#kept.newestFirst(limit);
  }

  /**
   * A peer that was refused: its certificate is under a CA of the platform, and the registry does not have it. `certificateIds`: its id,
   * then those of its other encodings. No incident where the log has one of them: it was deleted, or its holder wrote it anew.
   */
  presented(certificateIds: readonly CertificateId[], remoteAddress: string): Promise<void> {
    const lookUp = this.#lookUp(certificateIds, remoteAddress).finally(() => this.#lookUps.delete(lookUp));
    this.#lookUps.add(lookUp);
    return lookUp;
  }

  /** Compares when it is time again, at first at once. */
  async compareWhenDue(): Promise<void> {
    const { clock, settings } = this.#options;
    if (clock.now() < this.#dueMs) return;
    await this.compare();
    this.#dueMs = clock.now() + settings.compareHours * hourMs;
  }

  /** Looks up every certificate of the registry, and every CA, in the log; resolves when the trail has what is missing. */
  async compare(): Promise<void> {
    const { issuanceLog, settings } = this.#options;
    let found = 0;
    for await (const certificateIds of this.#issued())
      for (const certificateId of await issuanceLog.missing(certificateIds)) {
        if (++found > settings.incidentsMax) this.#counts.untold++;
        else this.#tell({ certificateId, sign: 'unlogged', response: 'alert', by: [] });
      }
    this.#counts.unlogged = found;
    await this.close();
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await Promise.all(this.#lookUps);
    await Promise.all(this.#writing);
  }

  async #lookUp(certificateIds: readonly CertificateId[], remoteAddress: string): Promise<void> {
    const isRoom = this.#lookUps.size < lookUpsMax;
    if (isRoom && (await this.#isLogged(certificateIds))) return;
    this.#counts.unregistered++;
    const [certificateId] = certificateIds;
    if (!isRoom || certificateId === undefined || this.#rate.take(everybody).kind === 'refused') {
      this.#counts.untold++;
      return;
    }
    this.#tell({ certificateId, sign: 'unregistered', response: 'refuse', by: [{ remoteAddress }] });
  }

  /** Any doubt is an incident. */
  async #isLogged(certificateIds: readonly CertificateId[]): Promise<boolean> {
    const { issuanceLog, warn } = this.#options;
    try {
      return (await issuanceLog.missing(certificateIds)).length < certificateIds.length;
    } catch (error) {
      warn('a certificate could not be looked up in the issuance log', error);
      return false;
    }
  }

  /** What vendors issued is not in the log; one of a CA of the platform that only says so should be. */
  async *#issued(): AsyncGenerator<readonly CertificateId[]> {
    const { certificates } = this.#options;
    const own = new Set(certificates.authorities().map(({ certificateId }) => certificateId));
    yield [...own];
    let after: CertificateId | undefined;
    for (;;) {
      const page = await certificates.summaries(
        after === undefined ? { limit: pageMax } : { limit: pageMax, after },
      );
      yield page
        .filter(({ deletedAtMs }) => deletedAtMs === undefined)
        .filter(({ profile, issuerId }) => profile !== 'vendor' || own.has(issuerId))
        .map(({ certificateId }) => certificateId);
      after = page.at(-1)?.certificateId;
      if (page.length < pageMax) return;
    }
  }

  #tell(found: Omit<Parameters<KeptDetections['add']>[0], 'thingNames'>): void {
    const { things, clock } = this.#options;
    const thingNames = things.attachmentsOf(found.certificateId).map(({ thingName }) => thingName);
    const { detection, isNews } = this.#kept.add({ ...found, thingNames }, clock.now());
    if (isNews) this.#write(detection);
  }

  #write(detection: Detection): void {
    const { transactor, trail, announce, warn } = this.#options;
    const { count: _count, lastAtMs: _lastAtMs, clientIds: _clientIds, ...payload } = detection;
    const writing = transactor
      .transact(async (tx) => {
        await trail.append(tx, {
          kind: 'detection.unlogged_certificate',
          actor: { kind: 'system' },
          payload: { ...payload },
        });
        tx.afterCommit(() => announce(detection));
      })
      .catch((error: unknown) => {
        this.#counts.untold++;
        warn('a certificate that is not in the issuance log could not be recorded', error);
      })
      .finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }
}
