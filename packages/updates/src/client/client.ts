import type { Clock } from '@fleetward/core';
import { UpdatesError } from '../errors.ts';
import { defaultLimits, type UpdateLimits } from '../limits.ts';
import type { TrustedStore } from '../store/trusted-store.ts';
import { type DownloadOutcome, downloadTarget, type KeptPart, type TargetSink } from './download.ts';
import { drive } from './drive.ts';
import type { Fetcher } from './fetcher.ts';
import { type FindOutcome, findTargetWorkflow } from './find-target.ts';
import type { RefreshOutcome } from './outcome.ts';
import { refreshWorkflow, type TrustedSet, versionsOf } from './refresh.ts';
import { type Target, targetOf } from './target.ts';
import { floorName } from './time-floor.ts';

export interface Abortable {
  readonly signal?: AbortSignal;
}

/** The update client of one repository. Calls are made one at a time. */
export interface UpdateClient {
  /** Brings the trusted metadata up to date; everything else works on what the last good refresh found. */
  refresh(options?: Abortable): Promise<RefreshOutcome>;
  /** The targets of the top-level role, in the file's order; those of delegated roles are found by path. */
  targets(): readonly Target[];
  findTarget(path: string, options?: Abortable): Promise<FindOutcome>;
  /** Goes on from `kept` where the repository can. */
  download(
    target: Target,
    sink: TargetSink,
    options?: Abortable & { readonly kept?: KeptPart | undefined },
  ): Promise<DownloadOutcome>;
}

export interface UpdateClientParts {
  readonly store: TrustedStore;
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  readonly limits?: UpdateLimits;
}

/** Drives the client workflow over a store, a fetcher and a clock. The store needs its first root: `installRoot`. */
export function createUpdateClient({
  store,
  fetcher,
  clock,
  limits = defaultLimits,
}: UpdateClientParts): UpdateClient {
  let trusted: TrustedSet | undefined;
  const current = () => trusted ?? notRefreshed();
  return {
    async refresh({ signal } = {}) {
      const watched = watchWrites(store);
      const rim = { store: watched.store, fetcher, signal };
      trusted = undefined; // what was good may have expired or been replaced
      const result = await drive(refreshWorkflow(clock.now(), limits), rim);
      if (result.kind !== 'refreshed') return result;
      trusted = result.trusted;
      return { kind: watched.hasNews() ? 'updated' : 'current', versions: versionsOf(trusted) };
    },
    targets: () => Object.values(current().targets.signed.targets).map(targetOf),
    findTarget: (path, { signal } = {}) =>
      drive(findTargetWorkflow(path, { trusted: current(), limits }), { store, fetcher, signal }),
    download: (target, sink, { signal, kept } = {}) =>
      downloadTarget({ target, sink, fetcher, signal, kept }),
  };
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
