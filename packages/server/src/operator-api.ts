import type { CertificateId } from '@fleetward/core';
import { parseCertificate } from '@fleetward/pki';
import type { CertificateContext } from '@fleetward/policy';
import { activityHandlers } from './activity/index.ts';
import { campaignHandlers } from './campaigns/index.ts';
import { type Certificates, certificateHandlers } from './certificates/index.ts';
import { targetTokenHandlers } from './ddi/index.ts';
import { denialHandlers } from './denials/index.ts';
import { detectionHandlers } from './detections/index.ts';
import { deviceMetricsHandlers } from './device-metrics/index.ts';
import { endorsementHandlers } from './endorsements/index.ts';
import { enrollmentHandlers } from './enrollment/index.ts';
import { certificateContext } from './gateway/certificate-context.ts';
import { connectionHandlers } from './gateway/connections-http.ts';
import type { KnownCertificates } from './gateway/known-certificates.ts';
import type { LiveSockets } from './gateway/live-sockets.ts';
import type { MqttGateway } from './gateway/mqtt-gateway.ts';
import { groupHandlers } from './groups/index.ts';
import { platformHandlers, trailHandlers } from './http/index.ts';
import { issuanceLogHandlers } from './issuance-log/index.ts';
import { jobHandlers } from './jobs/index.ts';
import type { ListenerParts } from './listeners.ts';
import { operatorHandlers } from './operators/index.ts';
import { createPlatformMetrics } from './platform-metrics.ts';
import { policyHandlers } from './policies/index.ts';
import { presenceView } from './presence/index.ts';
import { provisioningHandlers } from './provisioning/index.ts';
import { releaseHandlers } from './releases/index.ts';
import { renewalHandlers } from './renewals/index.ts';
import type { RouteHandler } from './route-handler.ts';
import { searchHandlers } from './search/index.ts';
import { shadowHandlers } from './shadows/index.ts';
import { ThingImports, thingHandlers, thingTypeHandlers } from './things/index.ts';
import { vendorCaHandlers } from './vendor-cas/index.ts';
import { platformVersion } from './version.ts';

const dayMs = 86_400_000;

/** Every route of the operators' API, in the order of the domains. */
export function operatorApi(
  parts: ListenerParts,
  gateway: {
    readonly mqtt: MqttGateway;
    readonly live: LiveSockets;
    readonly known: KnownCertificates;
  },
): readonly RouteHandler[] {
  const { config, domains, ports, clock } = parts;
  const { things, groups, activity, policies, certificates } = domains;
  const imports = new ThingImports({ things, groups, transactor: parts.transactor, clock });
  const collect = (): Promise<void> => gateway.mqtt.collectActivity();
  return [
    ...platformHandlers({
      facts: () => ({
        version: platformVersion,
        node: config.node,
        region: config.region,
        accountId: config.accountId,
        runtime: { node: process.versions.node, openssl: process.versions.openssl },
        ports: { ...ports },
      }),
      isReady: () => ports.operators !== 0,
      metrics: createPlatformMetrics({ ...domains, ...gateway, imports, messages: parts.messages, clock }),
    }),
    ...trailHandlers(domains.trail, domains.trailPublicKey),
    ...denialHandlers(domains.denials, {
      certificateIdsOf: (name) => things.certificatesOf(name).map(({ certificateId }) => certificateId),
      get: (name) => things.get(name),
    }),
    ...operatorHandlers(domains.operators),
    ...thingHandlers({
      things,
      imports,
      groupsOf: (name) => groups.groupsOf(name),
      isConnected: (name) => domains.presence.isConnected(name),
      presenceOf: (name) => presenceView({ ...domains, clock }, name),
      find: (wanted) => domains.search.find(wanted),
    }),
    ...thingTypeHandlers(domains.thingTypes),
    ...searchHandlers(domains.search),
    ...shadowHandlers({ shadows: domains.shadows, assertThing: (name) => void things.get(name) }),
    ...deviceMetricsHandlers({
      metrics: domains.deviceMetrics,
      clock,
      assertThing: (name) => void things.get(name),
    }),
    ...groupHandlers({ groups, policyNamesOn: (name) => [...policies.namesOn(name)] }),
    ...activityHandlers({ activity, things, collect }),
    ...policyHandlers({
      policies,
      things,
      groups,
      activity,
      trials: domains.policyTrials,
      collect,
      clock,
      certificateContext: (certificateId) => contextOf(certificates, certificateId),
      mayConnect: (certificateId) => certificates.standing(certificateId, clock.now()) === 'active',
    }),
    ...certificateHandlers({
      certificates,
      things,
      activity,
      policies,
      clock,
      graceMs: config.certificates.graceDays * dayMs,
    }),
    ...issuanceLogHandlers(domains.issuanceLog),
    ...renewalHandlers(domains.renewals),
    ...endorsementHandlers(domains.endorsements),
    ...enrollmentHandlers(domains.enrollment),
    ...provisioningHandlers(domains.provisioning),
    ...vendorCaHandlers(domains.vendorCas),
    ...releaseHandlers(domains.releases, domains.releaseKeys),
    ...campaignHandlers(domains.campaigns),
    ...targetTokenHandlers(domains.targetTokens),
    ...jobHandlers(domains.jobs),
    ...detectionHandlers(domains),
    ...connectionHandlers(gateway.mqtt, { transactor: parts.transactor, trail: domains.trail }),
  ];
}

async function contextOf(
  certificates: Certificates,
  certificateId: CertificateId,
): Promise<CertificateContext | undefined> {
  const record = await certificates.find(certificateId);
  return record === undefined ? undefined : certificateContext(parseCertificate(record.der));
}
