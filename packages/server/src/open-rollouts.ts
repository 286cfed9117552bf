import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Signer } from '@fleetward/core';
import { Campaigns } from './campaigns/index.ts';
import type { Config } from './config.ts';
import { Ddi, TargetTokens } from './ddi/index.ts';
import type { Director } from './director/index.ts';
import type { DomainEvent, DomainParts, Domains } from './domains.ts';
import { Jobs } from './jobs/index.ts';
import { openDirector, openDirectorKey } from './open-director.ts';
import { OtaJobs } from './ota-jobs/index.ts';
import { Downloads, openArtifactFolder, openReleaseService, type ReleaseService } from './releases/index.ts';
import { signingKeys } from './signing-keys.ts';
import { Streams } from './streams/index.ts';
import type { Trail } from './trail/index.ts';

const hourMs = 3_600_000;

/** What is offered to devices: releases by campaigns, over every protocol that takes them, and jobs. */
export interface Rollouts {
  readonly releases: ReleaseService;
  readonly releaseKeys: { readonly snapshot: Signer; readonly timestamp: Signer; readonly director: Signer };
  readonly downloads: Downloads;
  readonly campaigns: Campaigns;
  readonly director: Director;
  readonly ddi: Ddi;
  readonly targetTokens: TargetTokens;
  readonly jobs: Jobs;
  readonly streams: Streams;
  readonly otaJobs: OtaJobs;
}

/** Opens them over the domains below them. */
export async function openRollouts(
  parts: DomainParts,
  lower: Pick<Domains, 'trail' | 'things' | 'groups' | 'search' | 'denials' | 'operators' | 'certificates'>,
): Promise<Rollouts> {
  const { config, clock, random, storage } = parts;
  const { stores, transactor } = storage;
  const { trail, things, groups, search, denials, operators, certificates } = lower;
  const shared = { transactor, trail, clock, random };
  const announce = (event: DomainEvent): void => void parts.announce(event);
  const { releases, releaseKeys } = await openReleases(parts, trail);
  const campaigns: Campaigns = await Campaigns.open({
    ...shared,
    store: stores.campaigns,
    things,
    reports: things.reports,
    groups,
    search,
    releases,
    denials,
    operators,
    announce,
    limits: config.campaigns,
  });
  const director = openDirector(parts, { signer: releaseKeys.director, things, releases, campaigns });
  const downloads = openDownloads(config, { releases, campaigns });
  const ddi = new Ddi({ reports: things.reports, releases, campaigns, downloads, settings: config.ddi });
  const targetTokens: TargetTokens = new TargetTokens({
    ...shared,
    store: stores.targetTokens,
    things,
    groups,
    certificates,
    groupNames: config.ddi.targetTokenGroups,
  });
  const jobs: Jobs = await Jobs.open({
    ...shared,
    store: stores.jobs,
    things,
    groups,
    announce,
    isOffered: (campaignId, execution) => otaJobs.isOffered(campaignId, execution),
    arnOf: (resource) => `arn:aws:iot:${config.region}:${config.accountId}:${resource}`,
    tellsEvents: config.events.jobs,
    limits: config.jobs,
  });
  const streams = new Streams({ releases, downloads, denials });
  const otaJobs = new OtaJobs({
    campaigns,
    jobs: jobs.ofCampaigns,
    releases,
    things,
    reports: things.reports,
    groups,
    groupNames: config.jobs.otaGroups,
    stepsPerTickMax: config.jobs.stepsPerTickMax,
  });
  return { releases, releaseKeys, downloads, campaigns, director, ddi, targetTokens, jobs, streams, otaJobs };
}

async function openReleases(
  parts: DomainParts,
  trail: Trail,
): Promise<Pick<Rollouts, 'releases' | 'releaseKeys'>> {
  const { config, clock, storage, signing } = parts;
  const director = await openDirectorKey(parts, trail);
  const snapshot = await signing.signer(signingKeys.tufSnapshot.name);
  const timestamp = await signing.signer(signingKeys.tufTimestamp.name);
  const releases = await openReleaseService({
    store: storage.stores.releases,
    artifactStore: await openArtifactFolder({
      path: join(config.folder, 'artifacts'),
      artifactBytesMax: config.httpLimits.uploadBytesMax,
      uploadsMax: config.releases.uploadsMax,
      unfinishedMax: config.releases.unfinishedUploadsMax,
    }),
    transactor: storage.transactor,
    trail,
    clock,
    signers: { snapshot: [snapshot], timestamp: [timestamp], director: [director] },
    settings: {
      snapshotLifetimeMs: config.releases.snapshotValidityHours * hourMs,
      timestampLifetimeMs: config.releases.timestampValidityHours * hourMs,
      unfinishedUploadMs: config.releases.unfinishedUploadHours * hourMs,
    },
  });
  return { releases, releaseKeys: { snapshot, timestamp, director } };
}

function openDownloads(
  { releases: settings }: Config,
  { releases: { artifacts }, campaigns }: Pick<Rollouts, 'releases' | 'campaigns'>,
): Downloads {
  return new Downloads({
    artifacts,
    rules: campaigns.offers,
    downloadsMax: settings.downloadsMax,
    deviceDownloadsMax: settings.deviceDownloadsMax,
    yieldsAfterMs: settings.downloadYieldsAfterMs,
    totalBytesPerSecond: settings.downloadBytesPerSecondMax,
    deviceBytesPerSecond: settings.deviceDownloadBytesPerSecondMax,
    monotonicMs: () => performance.now(),
    pause: (ms, signal) => setTimeout(ms, undefined, { signal }),
  });
}
