import type { JsonObject } from '@fleetward/core';
import type { Feedback } from '../campaigns/index.ts';
import type { PublishedRelease } from '../releases/index.ts';
import { isKeepable } from '../things/index.ts';

/** What the platform last heard of a device, in the part that is read here. */
interface Installed {
  readonly securityVersion: number;
}

/** Under which no device goes back: the security version that it confirmed last. */
export function floorOf(report: JsonObject | undefined): number {
  const { securityVersion } = (report?.installed ?? {}) as Partial<Installed>;
  return typeof securityVersion === 'number' ? securityVersion : 0;
}

/** The report of a device after what it said of its job: such a device sends none of its own. */
export function reportAfter(
  report: JsonObject | undefined,
  {
    actionId,
    feedback,
    release,
  }: {
    readonly actionId?: number;
    readonly feedback: Feedback;
    readonly release: Pick<PublishedRelease, 'sha256' | 'release'>;
  },
): JsonObject {
  const { sha256 } = release;
  const { version, securityVersion } = release.release;
  const isGood = feedback.event === 'confirm';
  const update = {
    outcome: isGood ? 'confirmed' : 'failed',
    version,
    ...(actionId === undefined ? {} : { actionId }),
    ...(feedback.explanation === undefined ? {} : { reason: feedback.explanation }),
  };
  const installed = isGood ? { installed: { version, securityVersion, sha256 } } : {};
  const said = { protocol: 'aws-ota', ...installed, update };
  const after = { ...report, ...said };
  // However full the device made its own report: of that only the floor is kept then.
  return isKeepable(after) ? after : { installed: { securityVersion: floorOf(report) }, ...said };
}
