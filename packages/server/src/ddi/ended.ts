import type { JsonObject } from '@fleetward/core';
import type { Feedback } from '../campaigns/index.ts';
import type { PublishedRelease, ReleaseService } from '../releases/index.ts';
import type { OpenAction } from './actions.ts';
import { stateOf, withInstalled, withState } from './told-state.ts';

/** What is known of a device after it has ended an action: the outcome, and after a good one what it runs. */
export function endedReport(
  report: JsonObject | undefined,
  {
    id,
    found,
    meaning,
    releases,
  }: {
    readonly id: number;
    readonly found: OpenAction;
    readonly meaning: Feedback;
    readonly releases: Pick<ReleaseService, 'release'>;
  },
): JsonObject {
  const isGood = meaning.event === 'confirm';
  const version = found.kind === 'free' ? found.release.release.version : found.release.version;
  const update = {
    outcome: isGood ? 'confirmed' : 'failed',
    version,
    actionId: id,
    ...(meaning.explanation === undefined ? {} : { reason: meaning.explanation }),
  };
  const state = {
    ...stateOf(report),
    endedId: id,
    ...(isGood ? { installedId: id, isAskedAgain: true } : {}),
  };
  const after = isGood ? withInstalled(report, installedBy(found, releases)) : report;
  return withState({ ...after, update }, state);
}

/** The release as it is published; a campaign may outlive its publication. */
function installedBy(
  found: OpenAction,
  releases: Pick<ReleaseService, 'release'>,
): Pick<PublishedRelease, 'release' | 'sha256'> {
  if (found.kind === 'free') return found.release;
  const { path, sha256, version } = found.release;
  const published = releases.release(path);
  if (published?.sha256 === sha256) return published;
  return { sha256, release: { ...found.release, version, securityVersion: 0 } };
}

export function isEnding({ event }: Feedback): boolean {
  return event === 'confirm' || event === 'fail' || event === 'reject';
}
