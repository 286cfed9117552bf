import type { JsonObject, Sha256 } from '@fleetward/core';
import { compareVersions, isVersion } from '@fleetward/updates';
import { type Static, Type } from 'typebox';
import { Check } from 'typebox/value';
import type { PublishedRelease } from '../releases/index.ts';

/** What a thing is to have now: a target of the published targets. */
export interface Offer {
  readonly path: string;
  readonly sha256: Sha256;
  readonly lengthBytes: number;
}

/** Of a report, what the choice depends on. */
const reportShape = Type.Object({
  model: Type.Object({ product: Type.String(), hardware: Type.String() }),
  installed: Type.Optional(Type.Object({ version: Type.String(), securityVersion: Type.Integer() })),
  agent: Type.Optional(
    Type.Object({
      version: Type.String(),
      slot: Type.Optional(Type.String()),
      update: Type.Optional(Type.Object({ outcome: Type.String(), version: Type.Optional(Type.String()) })),
    }),
  ),
});
type Report = Static<typeof reportShape>;

/**
 * What a device would choose by itself: the newest release for its product and hardware that is newer than what it has and
 * not below its security version; of its agent first, unless the last attempt at that one failed. Nothing for a device that has
 * not said what it is.
 */
export function newestFit(
  releases: readonly PublishedRelease[],
  report: JsonObject | undefined,
): Offer | undefined {
  if (!Check(reportShape, report)) return undefined;
  const fit = releases
    .filter(({ release }) => isFor(report, release))
    .toSorted((a, b) => compareVersions(b.release.version, a.release.version) ?? 0);
  return fit.find((one) => isNewAgent(one, report)) ?? fit.find((one) => isNewFirmware(one, report));
}

function isFor({ model }: Report, release: PublishedRelease['release']): boolean {
  return release.product === model.product && release.hardware.includes(model.hardware);
}

/** Only an agent that runs out of slots can replace itself, and says in which. */
function isNewAgent({ release }: PublishedRelease, { agent }: Report): boolean {
  if (release.component !== 'agent' || agent?.slot === undefined) return false;
  const { outcome = '', version } = agent.update ?? {};
  const hasFailed = outcome === 'refused' || outcome === 'failed';
  const isGivenUp = outcome === 'rolled-back' && version === release.version;
  return isNewer(release.version, agent.version) && !hasFailed && !isGivenUp;
}

function isNewFirmware({ release }: PublishedRelease, { installed }: Report): boolean {
  if ((release.component ?? 'firmware') !== 'firmware') return false;
  if (installed === undefined) return isVersion(release.version);
  return isNewer(release.version, installed.version) && release.securityVersion >= installed.securityVersion;
}

function isNewer(version: string, than: string): boolean {
  return (compareVersions(version, than) ?? 0) > 0;
}
