import type { CertificateId, Clock, ThingName, Transaction, Transactor } from '@fleetward/core';
import type { Certificates } from '../certificates/index.ts';
import type { Groups } from '../groups/index.ts';
import { networkOf } from '../network-of.ts';
import type { Things } from '../things/index.ts';
import type { Trail } from '../trail/index.ts';
import { type Detection, KeptDetections } from './kept.ts';
import { NetworkChanges } from './network-changes.ts';
import {
  type CloneResponse,
  type CloneResponses,
  type CloneSign,
  explainSign,
  isAlternating,
  isConcurrent,
  responseOf,
  type SeenFrom,
} from './rules.ts';

/** A CONNECT that would be accepted. */
export interface Newcomer {
  readonly certificateId: CertificateId;
  readonly clientId: string;
  readonly remoteAddress: string;
  /** The other connections of its certificate. */
  readonly live: Iterable<{ readonly clientId: string; readonly remoteAddress: string }>;
}

export type NewcomerVerdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'refuse'; readonly explanation: string };

/** News for the layers above. */
export interface DetectionEvent {
  readonly kind: 'clone-suspected' | 'unlogged-certificate';
  readonly detection: Detection;
}

export interface DetectionsOptions {
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly things: Pick<Things, 'attachmentsOf'>;
  readonly groups: Pick<Groups, 'lineageOf'>;
  readonly certificates: Pick<Certificates, 'setStateWithin'>;
  readonly announce: (event: DetectionEvent) => void;
  readonly warn: (message: string, error: unknown) => void;
  readonly settings: CloneResponses & {
    readonly windowSeconds: number;
    readonly returnsMax: number;
    readonly certificatesMax: number;
    readonly keptMax: number;
  };
}

const pass: NewcomerVerdict = { kind: 'pass' };

/** Finds certificates whose key two devices seem to hold, and does what their groups say. */
export class Detections {
  readonly #counts = { concurrent: 0, alternating: 0, refused: 0, quarantined: 0 };
  readonly #options: DetectionsOptions;
  readonly #changes: NetworkChanges;
  readonly #kept: KeptDetections;
  /** Being switched off: the commit is on its way. */
  readonly #quarantining = new Set<CertificateId>();
  readonly #writing = new Set<Promise<void>>();

  constructor(options: DetectionsOptions) {
    this.#options = options;
    const { windowSeconds } = options.settings;
    this.#changes = new NetworkChanges(options.settings);
    this.#kept = new KeptDetections({ ...options.settings, windowMs: windowSeconds * 1_000 });
  }

  /** Asked once of each CONNECT. From memory; what has to be written is written behind it. */
  connecting(newcomer: Newcomer): NewcomerVerdict {
    const { certificateId, clientId, remoteAddress } = newcomer;
    const response = this.#responseTo(certificateId);
    if (response === 'off') return pass;
    const network = networkOf(remoteAddress);
    const connect: SeenFrom = { atMs: this.#options.clock.now(), network, clientId, remoteAddress };
    const found = this.#signOf(newcomer, connect);
    if (found === undefined) return pass;
    const { sign } = found;
    this.#counts[sign]++;
    const thingNames = this.#thingsOf(certificateId);
    const { detection, isNews } = this.#kept.add(
      { certificateId, ...found, response, thingNames },
      connect.atMs,
    );
    if (response === 'quarantine') this.#quarantine(detection);
    else if (isNews) this.#write(detection, async () => undefined);
    if (response === 'alert') return pass;
    this.#counts.refused++;
    return { kind: 'refuse', explanation: explainSign(sign, connect) };
  }

  /** Newest first. */
  list(limit: number): readonly Detection[] {
    return this.#kept.newestFirst(limit);
  }

  /** Since the start. */
  get counts(): Readonly<Record<string, number>> {
    return { ...this.#counts, forgotten: this.#changes.forgotten + this.#kept.forgotten };
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await Promise.all(this.#writing);
  }

  #responseTo(certificateId: CertificateId): CloneResponse {
    const { groups, settings } = this.#options;
    if (settings.responses.length === 0) return settings.response;
    return responseOf(groups.lineageOf(this.#thingsOf(certificateId)), settings);
  }

  #thingsOf(certificateId: CertificateId): readonly ThingName[] {
    return this.#options.things.attachmentsOf(certificateId).map(({ thingName }) => thingName);
  }

  /** The sign, and who showed it: it and those that are connected, or that were before from other networks. */
  #signOf(
    { certificateId, live }: Newcomer,
    connect: SeenFrom,
  ):
    | { readonly sign: CloneSign; readonly by: readonly Pick<SeenFrom, 'clientId' | 'remoteAddress'>[] }
    | undefined {
    const { windowSeconds, returnsMax } = this.#options.settings;
    const changes = this.#changes.add(certificateId, connect);
    const others = Array.from(live, ({ clientId, remoteAddress }) => {
      return { clientId, remoteAddress, network: networkOf(remoteAddress) };
    });
    if (isConcurrent(connect, others)) return { sign: 'concurrent', by: [...others, connect] };
    const limits = { windowMs: windowSeconds * 1_000, returnsMax };
    return isAlternating(changes, connect.atMs, limits) ? { sign: 'alternating', by: changes } : undefined;
  }

  /** Once it is active again, an operator has looked at it: what was before counts no more. */
  #quarantine(detection: Detection): void {
    const { certificateId, sign } = detection;
    if (this.#quarantining.has(certificateId)) return;
    this.#quarantining.add(certificateId);
    this.#write(detection, async (tx) => {
      const change = { certificateId, state: 'INACTIVE', reason: `clone suspected: ${sign}` } as const;
      await this.#options.certificates.setStateWithin(tx, change, { kind: 'system' });
      tx.afterCommit(() => {
        this.#counts.quarantined++;
        this.#changes.forget(certificateId);
      });
    });
  }

  #write(detection: Detection, also: (tx: Transaction) => Promise<void>): void {
    const { transactor, trail, announce, warn } = this.#options;
    const { count: _count, lastAtMs: _lastAtMs, ...payload } = detection;
    const writing = transactor
      .transact(async (tx) => {
        await trail.append(tx, {
          kind: 'detection.clone_suspected',
          actor: { kind: 'system' },
          payload: { ...payload },
        });
        await also(tx);
        tx.afterCommit(() => announce({ kind: 'clone-suspected', detection }));
      })
      .catch((error: unknown) => warn('a suspected clone could not be recorded; it is tried again', error))
      .finally(() => {
        this.#quarantining.delete(detection.certificateId);
        this.#writing.delete(writing);
      });
    this.#writing.add(writing);
  }
}
