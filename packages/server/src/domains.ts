import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  type CertificateId,
  type Clock,
  parsePolicyName,
  parseThingName,
  type Random,
  type Signer,
  type ThingName,
  toHex,
} from '@fleetward/core';
import { parseKeyName, type SigningProcess } from '@fleetward/keys';
import type { Certificate } from '@fleetward/pki';
import { Activity } from './activity/index.ts';
import { type CampaignStopped, Campaigns } from './campaigns/index.ts';
import { type CertificateEvent, Certificates, type EventEffect } from './certificates/index.ts';
import type { Config } from './config.ts';
import { Ddi, TargetTokens } from './ddi/index.ts';
import { Denials, type DeviceDenied } from './denials/index.ts';
import { type DetectionEvent, Detections, UnloggedCertificates } from './detections/index.ts';
import { DeviceMetrics } from './device-metrics/index.ts';
import type { Director } from './director/index.ts';
import { Endorsements } from './endorsements/index.ts';
import { Enrollment } from './enrollment/index.ts';
import { type GroupEvent, Groups } from './groups/index.ts';
import { IssuanceLog } from './issuance-log/index.ts';
import { Jobs } from './jobs/index.ts';
import { keyRulesOf } from './key-rules.ts';
import { openDirector, openDirectorKey } from './open-director.ts';
import { openProvisioning } from './open-provisioning.ts';
import { openSearch } from './open-search.ts';
import { openTrail } from './open-trail.ts';
import { type OperatorService, openOperatorService } from './operators/index.ts';
import { OtaJobs } from './ota-jobs/index.ts';
import { Policies, type PolicyEvent, PolicyTrials } from './policies/index.ts';
import { Presence } from './presence/index.ts';
import type { Provisioning } from './provisioning/index.ts';
import { Downloads, openArtifactFolder, openReleaseService, type ReleaseService } from './releases/index.ts';
import { RenewalCampaigns } from './renewals/index.ts';
import type { PlatformSpoke } from './reserved-topic.ts';
import type { Search } from './search/index.ts';
import { Shadows } from './shadows/index.ts';
import { signingKeys } from './signing-keys.ts';
import type { Storage } from './storage/index.ts';
import { Streams } from './streams/index.ts';
import {
  type ReportLimits,
  type ThingEvent,
  type ThingNews,
  Things,
  ThingTypes,
  thingMessage,
} from './things/index.ts';
import type { Trail } from './trail/index.ts';
import { type VendorCaEvent, VendorCas } from './vendor-cas/index.ts';

export type DomainEvent =
  | DeviceDenied
  | PolicyEvent
  | ThingEvent
  | GroupEvent
  | CertificateEvent
  | VendorCaEvent
  | CampaignStopped
  | DetectionEvent
  | PlatformSpoke;

export interface Domains {
  readonly trail: Trail;
  readonly trailPublicKey: Uint8Array;
  readonly denials: Denials;
  readonly operators: OperatorService;
  readonly things: Things;
  readonly thingTypes: ThingTypes;
  readonly presence: Presence;
  readonly groups: Groups;
  readonly activity: Activity;
  readonly policies: Policies;
  readonly policyTrials: PolicyTrials;
  readonly issuanceLog: IssuanceLog;
  readonly certificates: Certificates;
  readonly search: Search;
  readonly renewals: RenewalCampaigns;
  readonly endorsements: Endorsements;
  readonly enrollment: Enrollment;
  readonly provisioning: Provisioning;
  readonly vendorCas: VendorCas;
  readonly shadows: Shadows;
  readonly deviceMetrics: DeviceMetrics;
  readonly releases: ReleaseService;
  readonly downloads: Downloads;
  readonly campaigns: Campaigns;
  readonly detections: Detections;
  readonly unlogged: UnloggedCertificates;
  readonly releaseKeys: { readonly snapshot: Signer; readonly timestamp: Signer; readonly director: Signer };
  readonly director: Director;
  readonly ddi: Ddi;
  readonly targetTokens: TargetTokens;
  readonly jobs: Jobs;
  readonly streams: Streams;
  readonly otaJobs: OtaJobs;
}

export interface DomainParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: Storage;
  readonly signing: SigningProcess;
  readonly crlUrl: (issuerId: CertificateId) => string;
  readonly ocspUrl: () => string;
  /** News for the layers above, in the tick of its commit. */
  readonly announce: (event: DomainEvent) => EventEffect;
  readonly warn: (message: string, error: unknown) => void;
}

const hourMs = 3_600_000;

/** Opens every domain, lowest layer first. */
export async function openDomains(parts: DomainParts): Promise<Domains> {
  const { config, clock, random, storage, signing } = parts;
  const { stores, transactor } = storage;
  const checkpointKey = await signing.signer(signingKeys.trailCheckpoint.name);
  const trail = openTrail(config, {
    storage,
    signer: checkpointKey,
    clock,
    random,
    onCheckpointFailed: (error) => parts.warn('a checkpoint of the trail could not be signed', error),
  });
  const announce = (event: DomainEvent): void => void parts.announce(event);
  const denials = new Denials({ clock, transactor, trail, announce, settings: config.denials });
  const shared = { transactor, trail, clock, random };
  const operators = await openOperatorService({ ...shared, store: stores.operators });
  const isKnownCertificate = (certificateId: CertificateId): boolean => certificates.isKnown(certificateId);
  // The index is made of all that is below it, which tells it of each change.
  let search: Search | undefined;
  const changed = (thingName: ThingName): void => search?.touch(thingName);
  const tellThing = (news: ThingNews): void => {
    const eventId = toHex(random.bytes(16));
    const message = thingMessage(news, { eventId, accountId: config.accountId, nowMs: clock.now() });
    announce({ kind: 'platform-spoke', messages: [message] });
  };
  const thingTypes = await ThingTypes.open({
    ...shared,
    store: stores.thingTypes,
    things: () => things.all(),
    typesMax: config.thingTypes.typesMax,
  });
  const things: Things = await Things.open({
    ...shared,
    store: stores.things,
    announce,
    changed,
    ...(config.events.things ? { told: tellThing } : {}),
    reported: (report) => {
      search?.reported(report);
      things.states.seen(report.thingName);
    },
    isKnownCertificate,
    isRevoked: (certificateId) => certificates.standing(certificateId, clock.now()) === 'revoked',
    requiredOf: (typeName) => thingTypes.requiredOf(typeName),
    reportLimits: reportLimitsOf(config),
    whileKept: (change, work) => policies.whileKept(change, work),
    forget: async (tx, thingName) => {
      await groups.memberships.forgetThing(tx, thingName);
      await activity.forget(tx, thingName);
      await campaigns.forgetThing(tx, thingName);
      await targetTokens.forgetThing(tx, thingName);
      await jobs.forgetThing(tx, thingName);
      await shadows.forgetThing(tx, thingName);
      await presence.forgetThing(tx, thingName);
      await deviceMetrics.forgetThing(tx, thingName);
    },
  });
  const groups: Groups = await Groups.open({
    ...shared,
    store: stores.groups,
    things,
    announce,
    changed,
    search: {
      assertQuery: (query) => search!.assertQuery(query),
      select: (query) => search!.select(query),
      find: (wanted) => search!.find(wanted),
    },
    policiesOn: (name) => policies.namesOn(name).size,
    whileKept: (change, work) => policies.whileKept({ kind: 'hierarchy', ...change }, work),
    limits: config.groups,
  });
  const activity = await Activity.open({
    ...shared,
    store: stores.activity,
    things,
    limits: config.activity,
  });
  const binding = { region: config.region, accountId: config.accountId };
  const policies: Policies = await Policies.open({
    ...shared,
    store: stores.policies,
    groups,
    policiesPerCertificateMax: config.certificates.policiesPerCertificateMax,
    trialFindingsMax: config.trials.findingsMax,
    binding,
    announce,
    isKnownCertificate,
    claimPolicies: (certificateId) => provisioning.claims.policiesOf(certificateId),
    thingsOf: (certificateId) =>
      things.attachmentsOf(certificateId).map(({ thingName }) => parseThingName(thingName)),
    guardrails: config.guardrails.map(({ guardrailName, policyName, property }) => ({
      name: guardrailName,
      policyName: policyName === undefined ? undefined : parsePolicyName(policyName),
      property,
    })),
    proofLimits: config.proofLimits,
    warn: parts.warn,
  });
  const policyTrials = new PolicyTrials({
    ...shared,
    store: stores.policies,
    policies,
    trialsMax: config.trials.trialsMax,
  });
  const issuanceLog = await IssuanceLog.open({
    store: stores.issuanceLog,
    transactor,
    clock,
    signer: await signing.signer(signingKeys.issuanceLog.name),
    settings: config.issuanceLog,
  });
  const certificates = await openCertificates(parts, {
    trail,
    issuanceLog,
    changed: (certificateId) => {
      if (search === undefined) return;
      for (const { thingName } of things.attachmentsOf(certificateId)) changed(thingName);
    },
    isAttached: (certificateId) =>
      things.attachmentsOf(certificateId).length + policies.attachedTo(certificateId).length > 0,
    vendorCas: () => vendorCas.list().map(({ certificate }) => certificate),
  });
  search = await openSearch({
    clock,
    things,
    groups,
    certificatesOf: (name) =>
      things.certificatesOf(name).flatMap(({ certificateId }) => certificates.summary(certificateId) ?? []),
    shadows: (range) => stores.shadows.page(range),
    limits: config.search,
  });
  const presence: Presence = await Presence.open({
    ...shared,
    store: stores.presence,
    thing: (name) => things.known(name),
    changed: (name, change) => {
      search?.present(name, change);
      if (change.isConnected) things.states.seen(name);
    },
    rule: config.presence,
  });
  const renewals = await RenewalCampaigns.open({
    ...shared,
    store: stores.renewals,
    things,
    groups,
    certificates,
    limits: config.renewals,
  });
  const endorsements = new Endorsements({ ...shared, store: stores.endorsements, certificates });
  const enrollment = new Enrollment({
    ...shared,
    campaigns: renewals,
    endorsements,
    store: stores.enrollment,
    things,
    policies,
    groups,
    certificates,
    denials,
    settings: { ...config.enrollment, activePerThingMax: config.certificates.activePerThingMax },
  });
  const detections = new Detections({
    ...shared,
    things,
    groups,
    certificates,
    announce,
    warn: parts.warn,
    settings: config.clones,
  });
  const unlogged = new UnloggedCertificates({
    ...shared,
    things,
    certificates,
    issuanceLog,
    announce: (detection) => announce({ kind: 'unlogged-certificate', detection }),
    warn: parts.warn,
    settings: config.issuanceLog,
  });
  const provisioning: Provisioning = await openProvisioning(parts, {
    ...shared,
    ...enrollment.shared,
    things,
    groups,
    policies,
    certificates,
    denials,
    binding,
    isUsedAbove: (templateName) => vendorCas.isUsed(templateName),
  });
  const vendorCas: VendorCas = await VendorCas.open({
    ...shared,
    store: stores.vendorCas,
    certificates,
    provisioning,
    things,
    denials,
    attempts: enrollment.shared.attempts,
    turns: enrollment.shared.turns,
    announce: parts.announce,
    warn: parts.warn,
    settings: config.vendorCas,
  });
  const shadows = new Shadows({
    ...shared,
    store: stores.shadows,
    isThing: (name) => things.known(name) !== undefined,
    announce,
    changed: (shadow) => search?.shadowChanged(shadow),
    limits: config.shadows,
  });
  const deviceMetrics = new DeviceMetrics({
    ...shared,
    store: stores.deviceMetrics,
    isThing: (name) => things.known(name) !== undefined,
    limits: config.deviceMetrics,
  });
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
    arnOf: (resource) => `arn:aws:iot:${binding.region}:${binding.accountId}:${resource}`,
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
  const trailPublicKey = checkpointKey.publicKey;
  return {
    trail,
    trailPublicKey,
    denials,
    operators,
    things,
    thingTypes,
    presence,
    groups,
    activity,
    policies,
    policyTrials,
    issuanceLog,
    certificates,
    search,
    renewals,
    endorsements,
    enrollment,
    provisioning,
    vendorCas,
    shadows,
    deviceMetrics,
    releases,
    downloads,
    campaigns,
    detections,
    unlogged,
    releaseKeys,
    director,
    ddi,
    targetTokens,
    jobs,
    streams,
    otaJobs,
  };
}

function reportLimitsOf({ httpLimits, storageLimits }: Config): ReportLimits {
  const { reportTransactionsMax, reportsPendingMax, transactionsPendingMax } = storageLimits;
  return {
    reportsPerSecondMax: httpLimits.reportsPerSecondMax,
    reportTransactionsMax: Math.min(reportTransactionsMax, Math.ceil(transactionsPendingMax / 2)),
    reportsPendingMax,
  };
}

function openCertificates(
  parts: DomainParts,
  others: {
    readonly trail: Trail;
    readonly issuanceLog: IssuanceLog;
    readonly changed: (certificateId: CertificateId) => void;
    readonly isAttached: (certificateId: CertificateId) => boolean;
    readonly vendorCas: () => readonly Certificate[];
  },
): Promise<Certificates> {
  const { config, clock, random, storage, signing, crlUrl, ocspUrl, announce } = parts;
  return Certificates.open({
    store: storage.stores.certificates,
    transactor: storage.transactor,
    ...others,
    clock,
    random,
    signer: (keyName) => signing.signer(parseKeyName(keyName)),
    caKeys: {
      find: (keyName) => signing.findSigner(parseKeyName(keyName)),
      generate: (keyName, kind) =>
        signing.generate({ name: parseKeyName(keyName), purpose: signingKeys.issuingCa.purpose, ...kind }),
    },
    keyRules: keyRulesOf(config),
    journalPath: join(config.folder, 'revocations.jsonl'),
    crlUrl,
    ocspUrl,
    announce,
    settings: config.certificates,
  });
}

async function openReleases(
  parts: DomainParts,
  trail: Trail,
): Promise<Pick<Domains, 'releases' | 'releaseKeys'>> {
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
  { releases: { artifacts }, campaigns }: Pick<Domains, 'releases' | 'campaigns'>,
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
