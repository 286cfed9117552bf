import { compareVersions, type Release } from '@fleetward/updates';
import type { PublishedRelease } from '../releases/index.ts';
import { CampaignsError } from './errors.ts';
import type { Campaign, CampaignDefinition, CampaignRelease, PreviousVersion } from './store.ts';

/**
 * The rollout that takes another one back: of the published release that carries the bytes that were there before under a version
 * above the bad one, since devices only go up; to everything that may run the bad one, at once. Throws `campaigns.no_way_back`.
 */
export function rollBackDefinition(
  bad: Campaign,
  {
    before,
    published,
  }: { readonly before: readonly PreviousVersion[]; readonly published: readonly PublishedRelease[] },
): CampaignDefinition {
  const old = new Set(before.map(({ sha256 }) => sha256));
  const [back] = published
    .filter(({ sha256, release }) => old.has(sha256) && isAbove(release, bad.release))
    .sort((a, b) => compareVersions(b.release.version, a.release.version) ?? 0);
  if (back === undefined) throw noWayBack(bad, before);
  return {
    name: `back from ${bad.release.version}`,
    release: releaseOf(back),
    target: { attributes: {}, isContinuous: false, updatedBy: bad.campaignId },
    terms: {
      stages: [{ share: { kind: 'percent', percent: 100 }, successPercentMin: 0 }],
      rate: { ...bad.terms.rate, baseRatePerMinute: bad.terms.rate.maximumPerMinute, incrementFactor: 1 },
      abort: [],
      prerequisites: { fromVersions: [bad.release.version], attributes: {} },
      retry: bad.terms.retry,
      timeOutMs: bad.terms.timeOutMs,
    },
    needsApproval: bad.needsApproval,
  };
}

function isAbove({ product, component = 'firmware', version }: Release, bad: CampaignRelease): boolean {
  return (
    product === bad.product && component === bad.component && (compareVersions(version, bad.version) ?? 0) > 0
  );
}

function noWayBack({ release, startedAtMs }: Campaign, before: readonly PreviousVersion[]): CampaignsError {
  if (startedAtMs === undefined)
    return new CampaignsError(
      'campaigns.no_way_back',
      'the campaign never began: there is nothing to take back',
    );
  const [most] = before;
  const bytes =
    most === undefined
      ? 'the bytes that its things ran before (none of them had reported which)'
      : `the bytes of ${most.version} (SHA-256 \`${most.sha256}\`, before on ${most.things} of its things)`;
  return new CampaignsError(
    'campaigns.no_way_back',
    `devices only go up: publish ${bytes} as a version above ${release.version}, then say this again`,
    { details: { above: release.version, before: before.map((one) => ({ ...one })) } },
  );
}

export function releaseOf({ path, sha256, lengthBytes, release }: PublishedRelease): CampaignRelease {
  const { component = 'firmware', product, version, hardware } = release;
  return { path, sha256, lengthBytes, component, product, version, hardware };
}
