import type { Clock } from '@fleetward/core';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Activity } from './activity/index.ts';
import type { Campaigns } from './campaigns/index.ts';
import type { Certificates } from './certificates/index.ts';
import type { Ddi } from './ddi/index.ts';
import type { Denials } from './denials/index.ts';
import type { Detections, UnloggedCertificates } from './detections/index.ts';
import type { DeviceMetrics } from './device-metrics/index.ts';
import type { Director } from './director/index.ts';
import type { Enrollment } from './enrollment/index.ts';
import type { KnownCertificates } from './gateway/known-certificates.ts';
import type { LiveSockets } from './gateway/live-sockets.ts';
import type { MqttGateway } from './gateway/mqtt-gateway.ts';
import type { Groups } from './groups/index.ts';
import type { IssuanceLog } from './issuance-log/index.ts';
import type { Jobs } from './jobs/index.ts';
import type { Policies } from './policies/index.ts';
import type { Presence } from './presence/index.ts';
import type { Provisioning } from './provisioning/index.ts';
import type { Downloads } from './releases/index.ts';
import type { RenewalCampaigns } from './renewals/index.ts';
import type { Search } from './search/index.ts';
import type { Shadows } from './shadows/index.ts';
import type { MessageFile } from './storage/messages/open.ts';
import type { ThingImports, ThingTypes } from './things/index.ts';
import type { VendorCas } from './vendor-cas/index.ts';

/** What `/metrics` shows; read from the parts when it is asked for, so that nothing is counted twice on a hot path. */
export function createPlatformMetrics(parts: {
  readonly denials: Denials;
  readonly detections: Pick<Detections, 'counts'>;
  readonly unlogged: Pick<UnloggedCertificates, 'counts'>;
  readonly director: Pick<Director, 'counts' | 'keptCount'>;
  readonly ddi: Pick<Ddi, 'counts'>;
  readonly shadows: Pick<Shadows, 'counts' | 'pending'>;
  readonly imports: Pick<ThingImports, 'counts'>;
  readonly deviceMetrics: Pick<DeviceMetrics, 'counts' | 'pending'>;
  readonly thingTypes: Pick<ThingTypes, 'count'>;
  readonly groups: Groups;
  readonly presence: Pick<Presence, 'counts'>;
  readonly search: Pick<Search, 'counts'>;
  readonly activity: Activity;
  readonly policies: Policies;
  readonly live: LiveSockets;
  readonly known: KnownCertificates;
  readonly mqtt: MqttGateway;
  readonly messages: MessageFile;
  readonly certificates: Pick<Certificates, 'keyRules' | 'ocspCounts'>;
  readonly enrollment: Pick<Enrollment, 'endCounts'>;
  readonly renewals: Pick<RenewalCampaigns, 'openCounts'>;
  readonly campaigns: Pick<Campaigns, 'counts'>;
  readonly jobs: Pick<Jobs, 'counts'>;
  readonly issuanceLog: IssuanceLog;
  readonly downloads: Pick<Downloads, 'counts'>;
  readonly provisioning: Provisioning;
  readonly vendorCas: VendorCas;
  readonly clock: Clock;
}): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'fleetward_' });
  gauge(registry, 'fleetward_device_connections', 'Admitted TLS connections of devices', (metric) =>
    metric.set(parts.live.count()),
  );
  new Gauge({
    name: 'fleetward_known_certificates',
    help: 'Parsed certificates kept now; admissions since the start that found theirs, that did not, and those forgotten for `tlsLimits.knownCertificatesMax`',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      const { size, counts } = parts.known;
      for (const [counter, value] of Object.entries({ size, ...counts })) this.set({ counter }, value);
    },
  });
  gauge(registry, 'fleetward_weak_keys_listed', 'Keys on the lists of `weakKeyBlacklist`', (metric) =>
    metric.set(parts.certificates.keyRules.weakKeys?.size ?? 0),
  );
  gauge(registry, 'fleetward_thing_types', 'Types of things, of `thingTypes.typesMax`', (metric) =>
    metric.set(parts.thingTypes.count),
  );
  gauge(registry, 'fleetward_groups', 'Groups of things', (metric) => metric.set(parts.groups.counts.groups));
  gauge(registry, 'fleetward_group_memberships', 'Memberships of things in groups', (metric) =>
    metric.set(parts.groups.counts.memberships),
  );
  new Gauge({
    name: 'fleetward_thing_imports',
    help: 'Things that imports gave since the start, by what became of them',
    labelNames: ['outcome'] as const,
    registers: [registry],
    collect() {
      for (const [outcome, value] of Object.entries(parts.imports.counts)) this.set({ outcome }, value);
    },
  });
  new Gauge({
    name: 'fleetward_presence',
    help: 'Things that are connected and that flap by `presence.flappingConnects`; those whose change waits to be written, and changes written since the start',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.presence.counts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_search',
    help: 'The search of the fleet: things, names of attributes and of tags, and values of shadows that are searched, searches under way, and those refused since the start for `search.searchesMax`',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.search.counts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_activity',
    help: 'Things of which activity is kept, those that wait to be written, decisions of things beyond `activity.thingsMax`, and samples for names beyond `activity.namesPerActionMax`',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.activity.counts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_ocsp',
    help: 'OCSP requests since the start: asked, answers signed, refused, failed at the CA’s key, and how often `certificates.ocspSignaturesPerSecondMax` bit',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.certificates.ocspCounts))
        this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_director',
    help: 'Instructions to devices since the start: asked, signed, failed at the key, and how often `director.signaturesPerSecondMax` bit; and those kept now',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      const { counts, keptCount: kept } = parts.director;
      for (const [counter, value] of Object.entries({ ...counts, kept })) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_ddi',
    help: 'Requests of DDI clients since the start: polls, those that were offered something, feedback, configuration data, downloads and ranges of them, and what was refused',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.ddi.counts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_shadows',
    help: 'Requests about shadows since the start that were accepted and rejected, and updates and deletions that are under way, of `shadows.updatesPendingMax`',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      const { counts, pending } = parts.shadows;
      for (const [counter, value] of Object.entries({ ...counts, pending })) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_device_metrics',
    help: 'Reports of metrics of devices since the start that were accepted, rejected and throttled, and those that were removed for their age or to make room; and reports that wait to be kept, of `deviceMetrics.reportsPendingMax`',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      const { counts, pending } = parts.deviceMetrics;
      for (const [counter, value] of Object.entries({ ...counts, pending })) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_issuance_log',
    help: 'The log of issued certificates: entries under its newest signed head, the seconds since that was signed, certificates that wait for their entry and the seconds the first of them has waited; certificates of the registry that it did not have at the last comparison; since the start, connections with unregistered ones, and those of both that were only counted',
    labelNames: ['figure'] as const,
    registers: [registry],
    async collect() {
      const { head } = parts.issuanceLog;
      const { count, sinceMs } = await parts.issuanceLog.waiting();
      const nowMs = parts.clock.now();
      this.set({ figure: 'entries' }, head?.size ?? 0);
      this.set({ figure: 'headAgeSeconds' }, head === undefined ? 0 : (nowMs - head.at) / 1_000);
      this.set({ figure: 'waiting' }, count);
      for (const [figure, value] of Object.entries(parts.unlogged.counts)) this.set({ figure }, value);
      this.set({ figure: 'waitingSeconds' }, sinceMs === undefined ? 0 : (nowMs - sinceMs) / 1_000);
    },
  });
  new Gauge({
    name: 'fleetward_enrollments',
    help: 'Attempts to enrol or renew since the start, by their end: issued, or the reason of the refusal',
    labelNames: ['end'] as const,
    registers: [registry],
    collect() {
      for (const [end, count] of parts.enrollment.endCounts) this.set({ end }, count);
    },
  });
  new Gauge({
    name: 'fleetward_renewal_campaigns',
    help: 'Renewal campaigns that are not over, and their certificates that are not renewed yet',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.renewals.openCounts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_downloads',
    help: 'Downloads of artifacts: under way now; since the start completed, broken off, bytes, refused to the device, over `releases.downloadsMax` or `deviceDownloadsMax`, times that a slow one made room, and pieces that waited for a cap',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.downloads.counts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_campaigns',
    help: 'Campaigns that are not over, and those that are and still listed; things of the largest one that is not over, those of all that wait for their turn and those that devices are at; outcomes that wait to be kept',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.campaigns.counts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_jobs',
    help: 'Jobs that are not over, without and with a campaign that leads them, and those that are over and still listed; things of the largest one that is not over; executions of all that wait for the roll-out, are queued, and under way; starts and updates that wait to be kept',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.jobs.counts)) this.set({ counter }, value);
    },
  });
  gauge(registry, 'fleetward_policy_trials', 'Policies with a version in trial', (metric) =>
    metric.set(parts.policies.trials.size),
  );
  new Gauge({
    name: 'fleetward_guardrails',
    help: 'Guard rails, and of them those that did not hold when all that is in force was last looked at',
    labelNames: ['state'] as const,
    registers: [registry],
    collect() {
      const { guardrails } = parts.policies;
      this.set({ state: 'required' }, guardrails.list().length);
      this.set({ state: 'broken' }, guardrails.broken.length);
    },
  });
  new Gauge({
    name: 'fleetward_proofs',
    help: 'Proofs that run or wait, those done since the start, and how often each of `proofLimits` bit, by its name',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      const { prover, guardrails } = parts.policies;
      for (const [counter, value] of Object.entries(prover.counts)) this.set({ counter }, value);
      this.set({ counter: 'setsMax' }, guardrails.tooManySets);
    },
  });
  new Gauge({
    name: 'fleetward_clones',
    help: 'CONNECTs since the start that showed one certificate on two devices, by sign; those refused, certificates quarantined, and what was forgotten beyond `clones.certificatesMax` and `clones.keptMax`',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.detections.counts)) this.set({ counter }, value);
    },
  });
  const denied = {
    name: 'fleetward_denials',
    help: 'Denials since the start, by cause',
    labelNames: ['cause'] as const,
  };
  new Gauge({
    ...denied,
    registers: [registry],
    collect() {
      for (const [cause, count] of parts.denials.counts()) this.set({ cause }, count);
    },
  });
  new Gauge({
    name: 'fleetward_mqtt',
    help: 'Counters of the broker since the start, by name',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.mqtt.broker.metrics()))
        this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_mqtt_limits',
    help: 'How often each of `mqttLimits` bit since the start, by its name',
    labelNames: ['limit'] as const,
    registers: [registry],
    collect() {
      for (const [limit, count] of parts.mqtt.broker.limitsReached()) this.set({ limit }, count);
    },
  });
  gauge(
    registry,
    'fleetward_mqtt_connects_too_fast',
    'CONNECTs refused for `tlsLimits.connectsPerSecondMax` since the start',
    (metric) => metric.set(parts.mqtt.connectsTooFast),
  );
  gauge(
    registry,
    'fleetward_reserved_requests',
    'Requests of devices on `$aws/…` topics that are under way, of `reservedTopics.requestsMax`',
    (metric) => metric.set(parts.mqtt.requestsUnderWay),
  );
  new Gauge({
    name: 'fleetward_provisioning',
    help: 'Fleet provisioning: requests under way, templates and claims now; since the start certificates created, devices provisioned and requests refused',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      for (const [counter, value] of Object.entries(parts.provisioning.counts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_first_connections',
    help: 'First connections of devices of vendor CAs: under way now; since the start provisioned, registered and refused, and passed over as refused a moment before',
    labelNames: ['counter'] as const,
    registers: [registry],
    collect() {
      const { counts } = parts.vendorCas.firstConnections;
      for (const [counter, value] of Object.entries(counts)) this.set({ counter }, value);
    },
  });
  new Gauge({
    name: 'fleetward_vendor_cas',
    help: 'Vendor CAs that are registered, of `vendorCas.casMax`, and registration codes that wait to be used, of `vendorCas.codesMax`',
    labelNames: ['figure'] as const,
    registers: [registry],
    async collect() {
      this.set({ figure: 'cas' }, parts.vendorCas.list().length);
      this.set({ figure: 'codes' }, await parts.vendorCas.codes.waiting());
    },
  });
  new Gauge({
    name: 'fleetward_messages_file',
    help: 'What `messages.db` holds and took: messages, bytes, commits, the seconds they took together and the longest one',
    labelNames: ['figure'] as const,
    registers: [registry],
    collect() {
      for (const [figure, value] of Object.entries(parts.messages.figures())) this.set({ figure }, value);
    },
  });
  return registry;
}

function gauge(registry: Registry, name: string, help: string, read: (metric: Gauge) => void): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      read(this);
    },
  });
}
