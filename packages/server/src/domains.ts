import {
  type CertificateId,
  type Clock,
  parsePolicyName,
  parseThingName,
  type Random,
  type ThingName,
  toHex,
} from '@fleetward/core';
import type { SigningProcess } from '@fleetward/keys';
import { Activity } from './activity/index.ts';
import type { CampaignStopped } from './campaigns/index.ts';
import type { CertificateEvent, Certificates, EventEffect } from './certificates/index.ts';
import type { Config } from './config.ts';
import { Denials, type DeviceDenied } from './denials/index.ts';
import { type DetectionEvent, Detections, UnloggedCertificates } from './detections/index.ts';
import { DeviceMetrics } from './device-metrics/index.ts';
import { type GroupEvent, Groups } from './groups/index.ts';
import { IssuanceLog } from './issuance-log/index.ts';
import { openCertificates } from './open-certificates.ts';
import { type Newcomers, openNewcomers } from './open-newcomers.ts';
import { openRollouts, type Rollouts } from './open-rollouts.ts';
import { openSearch } from './open-search.ts';
import { openTrail } from './open-trail.ts';
import { type OperatorService, openOperatorService } from './operators/index.ts';
import { Policies, type PolicyEvent, PolicyTrials } from './policies/index.ts';
import { Presence } from './presence/index.ts';
import type { PlatformSpoke } from './reserved-topic.ts';
import type { Search } from './search/index.ts';
import { Shadows } from './shadows/index.ts';
import { signingKeys } from './signing-keys.ts';
import type { Storage } from './storage/index.ts';
import {
  type ReportLimits,
  type ThingEvent,
  type ThingNews,
  Things,
  ThingTypes,
  thingMessage,
} from './things/index.ts';
import type { Trail } from './trail/index.ts';
import type { VendorCaEvent } from './vendor-cas/index.ts';

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

export interface Domains extends Newcomers, Rollouts {
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
  readonly shadows: Shadows;
  readonly deviceMetrics: DeviceMetrics;
  readonly detections: Detections;
  readonly unlogged: UnloggedCertificates;
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
    attachmentsOf: (certificateId) => ({
      thingNames: things.attachmentsOf(certificateId).map(({ thingName }) => thingName),
      policyNames: policies.attachedTo(certificateId).map(({ name }) => name),
    }),
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
  const newcomers: Newcomers = await openNewcomers(parts, {
    trail,
    things,
    groups,
    policies,
    certificates,
    denials,
  });
  const { provisioning, vendorCas } = newcomers;
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
  const rollouts: Rollouts = await openRollouts(parts, {
    trail,
    things,
    groups,
    search,
    denials,
    operators,
    certificates,
  });
  const { campaigns, targetTokens, jobs } = rollouts;
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
    shadows,
    deviceMetrics,
    detections,
    unlogged,
    ...newcomers,
    ...rollouts,
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
