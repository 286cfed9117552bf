import type { Clock } from '@fleetward/core';
import { notInstructed } from '../director/follow.ts';
import { UpdatesError } from '../errors.ts';
import { defaultLimits, type UpdateLimits } from '../limits.ts';
import type { TrustedStore } from '../store/trusted-store.ts';
import type { LocalImage } from './assemble.ts';
import { type DownloadOutcome, downloadTarget, type KeptPart, type TargetSink } from './download.ts';
import { drive } from './drive.ts';
import type { Fetcher } from './fetcher.ts';
import { type FindOutcome, findTargetWorkflow } from './find-target.ts';
import type { RefreshOutcome, Refusal } from './outcome.ts';
import { refreshWorkflow, type TrustedSet, versionsOf } from './refresh.ts';
import { type Target, targetOf } from './target.ts';
import { floorName } from './time-floor.ts';

export interface Abortable {
  readonly signal?: AbortSignal;
}

export interface RefreshClientOptions extends Abortable {
  /** `false` leaves delegated lists alone until `findTarget` needs one: for who wants one target and knows its path. */
  readonly delegated?: boolean;
}

/** The update client of one repository. Calls are made one at a time. */
export interface UpdateClient {
  /** Brings the trusted metadata up to date; everything else works on what the last good refresh found. */
  refresh(options?: RefreshClientOptions): Promise<RefreshOutcome>;
  /** Whether the root names a director: then nothing may be installed but what it instructs this device to have. */
  isDirected(): boolean;
  /**
   * The targets of the top-level role, in the file's order, then those of delegated roles in the order of their trust. Where the
   * root names a director, the one that it instructs this device to have, or none.
   */
  targets(): readonly Target[];
  /** Delegated lists that the last refresh could not trust, and of which nothing is offered therefore. */
  refusedLists(): readonly Refusal[];
  findTarget(path: string, options?: Abortable): Promise<FindOutcome>;
  /**
   * Goes on from `kept` where the repository can. Where the target has a patch for one of the `local` images, it is made from that one;
   * where it has an index of chunks, what they have of them is taken from there and the rest fetched.
   */
  download(
    target: Target,
    sink: TargetSink,
    options?: Abortable & {
      readonly kept?: KeptPart | undefined;
      readonly local?: readonly LocalImage[];
    },
  ): Promise<DownloadOutcome>;
}

export interface UpdateClientParts {
  readonly store: TrustedStore;
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  /** The device's name, which a director instructs; without one a client follows no director, and refuses where there is one. */
  readonly thingName?: string | undefined;
  /** What the device is: of delegated lists only those are read that may speak for this product; all of them without it. */
  readonly product?: string | undefined;
  readonly limits?: UpdateLimits;
  /** Memory that is free for a patch, which takes several times the length of an image; without it no patches are used. */
  readonly memoryBytes?: () => number;
}

/** Drives the client workflow over a store, a fetcher and a clock. The store needs its first root: `installRoot`. */
export function createUpdateClient({
  store,
  fetcher,
  clock,
  thingName,
  product,
  limits = defaultLimits,
  memoryBytes = () => 0,
}: UpdateClientParts): UpdateClient {
  let trusted: TrustedSet | undefined;
  const current = () => trusted ?? notRefreshed();
  return {
    async refresh({ signal, delegated = true } = {}) {
      const watched = watchWrites(store);
      const rim = { store: watched.store, fetcher, signal };
      trusted = undefined; // what was good may have expired or been replaced
      const options = { clockMs: clock.now(), limits, thingName, product, delegated };
      const result = await drive(refreshWorkflow(options), rim);
      if (result.kind !== 'refreshed') return result;
      trusted = result.trusted;
      return { kind: watched.hasNews() ? 'updated' : 'current', versions: versionsOf(trusted) };
    },
    isDirected: () => current().instructed !== undefined,
    targets: () => offered(current()),
    refusedLists: () => current().delegated.refused,
    findTarget: async (path, { signal } = {}) =>
      notInstructed(current().instructed, { path }) ??
      drive(findTargetWorkflow(path, { trusted: current(), limits }), { store, fetcher, signal }),
    download: async (target, sink, { signal, kept, local = [] } = {}) =>
      notInstructed(trusted?.instructed, target) ??
      downloadTarget({ target, sink, fetcher, signal, kept, local, memoryBytes: memoryBytes() }),
  };
}

function offered({ targets, delegated, instructed }: TrustedSet): readonly Target[] {
  if (instructed === undefined)
    return [...Object.values(targets.signed.targets).map(targetOf), ...delegated.targets];
  return instructed.target === undefined ? [] : [instructed.target];
}

/** Metadata is written only when it is new; the time floor is no news. */
function watchWrites(store: TrustedStore): { readonly store: TrustedStore; hasNews(): boolean } {
  let hasNews = false;
  const write = async (name: string, bytes: Uint8Array) => {
    await store.write(name, bytes);
    hasNews ||= name !== floorName;
  };
  const watched = {
    read: (name: string) => store.read(name),
    write,
    remove: (name: string) => store.remove(name),
  };
  return { store: watched, hasNews: () => hasNews };
}

function notRefreshed(): never {
  throw new UpdatesError(
    'updates.not_refreshed',
    'no refresh has succeeded yet: call `refresh` and look at its outcome',
  );
}
