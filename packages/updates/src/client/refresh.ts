import { followDirector, type Instructed } from '../director/follow.ts';
import type { UpdateLimits } from '../limits.ts';
import { type DelegatedLists, listDelegated, noDelegatedLists } from './list-delegated.ts';
import { ok, type Refusal, type Step, type TrustedVersions, type Unreachable } from './outcome.ts';
import { type RootFile, rootRole, updateRoot } from './root.ts';
import { secondSigned } from './second.ts';
import { type SnapshotFile, updateSnapshot } from './snapshot.ts';
import { type TargetsFile, updateTargets } from './targets.ts';
import { fixStartTime } from './time-floor.ts';
import { type TimestampFile, updateTimestamp } from './timestamp.ts';
import type { Workflow } from './workflow.ts';

/** What of the image repository a refresh ended up trusting. */
export interface ImageSet {
  readonly nowMs: number;
  readonly root: RootFile;
  readonly timestamp: TimestampFile;
  readonly snapshot: SnapshotFile;
  readonly targets: TargetsFile;
}

/** What a refresh ended up trusting; good until the next one. */
export interface TrustedSet extends ImageSet {
  /** Nothing where the root names no director. */
  readonly instructed: Instructed | undefined;
  /** Nothing where there is a director, who names one target. */
  readonly delegated: DelegatedLists;
}

export interface RefreshOptions {
  readonly clockMs: number;
  readonly limits: UpdateLimits;
  /** Which device this is, for a director. */
  readonly thingName?: string | undefined;
  /** Which product it is, so that it reads no lists of others. */
  readonly product?: string | undefined;
  /** Whether delegated lists are read, as they are unless this says otherwise. */
  readonly delegated?: boolean;
}

export type RefreshResult =
  | { readonly kind: 'refreshed'; readonly trusted: TrustedSet }
  | Refusal
  | Unreachable;

/**
 * The client workflow of TUF 1.0.34 §5, without input or output: root, timestamp, snapshot, top-level targets, each
 * checked against what is trusted before it is stored; then, where the root names a director, its instruction, else the
 * delegated lists. Idempotent:
 * stopped anywhere and run again, it ends the same.
 */
export function* refreshWorkflow(options: RefreshOptions): Workflow<RefreshResult> {
  const images = yield* refreshImages(options);
  if (images.kind !== 'ok') return images;
  const instructed = yield* followDirector(images.value, { thingName: undefined, ...options });
  if (instructed.kind !== 'ok') return instructed;
  const isListed = instructed.value === undefined && options.delegated !== false;
  const { limits, product } = options;
  const delegated = isListed ? yield* listDelegated(images.value, { limits, product }) : ok(noDelegatedLists);
  if (delegated.kind !== 'ok') return delegated;
  const trusted = { ...images.value, instructed: instructed.value, delegated: delegated.value };
  return { kind: 'refreshed', trusted };
}

function* refreshImages({ clockMs, limits }: RefreshOptions): Workflow<Step<ImageSet>> {
  const nowMs = yield* fixStartTime(clockMs); // TUF 5.1
  const root = yield* updateRoot(nowMs, limits); // TUF 5.2, 5.3
  if (root.kind !== 'ok') return root;
  const timestamp = yield* updateTimestamp({ root: root.value, nowMs, limits }); // TUF 5.4
  if (timestamp.kind !== 'ok') return timestamp;
  const known = { root: root.value, timestamp: timestamp.value, nowMs, limits };
  const snapshot = yield* updateSnapshot(known); // TUF 5.5
  if (snapshot.kind !== 'ok') return snapshot;
  const role = rootRole(root.value.signed, 'targets');
  const delegator = `root ${root.value.signed.version}`;
  const targets = yield* updateTargets('targets', {
    snapshot: snapshot.value,
    role,
    delegator,
    nowMs,
    limits,
  }); // TUF 5.6
  if (targets.kind !== 'ok') return targets;
  // Kept before this, and of no use without it: no refresh ends well until the second signature is there.
  const second = yield* secondSigned(targets.value, {
    roots: [root.value],
    name: 'targets',
    step: '5.6.3',
    storedName: 'targets.mldsa65',
  });
  if (second.kind !== 'ok') return second;
  return ok({ ...known, snapshot: snapshot.value, targets: targets.value });
}

export function versionsOf({ root, timestamp, snapshot, targets, instructed }: TrustedSet): TrustedVersions {
  return {
    root: root.signed.version,
    timestamp: timestamp.signed.version,
    snapshot: snapshot.signed.version,
    targets: targets.signed.version,
    ...(instructed && { director: instructed.version }),
  };
}
