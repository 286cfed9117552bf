import { deviceMetricsTopics } from './device-metrics/index.ts';
import { directorHandlers } from './director/index.ts';
import type { Authorizer } from './gateway/authorizer.ts';
import { ddiRoutes } from './gateway/ddi/routes.ts';
import { decidedRoutes } from './gateway/device-routes.ts';
import { estRoutes } from './gateway/est/routes.ts';
import type { MqttGateway } from './gateway/mqtt-gateway.ts';
import { publishRoute } from './gateway/publish-http.ts';
import type { Guard } from './gateway/tls-listener.ts';
import { tpmRoutes } from './gateway/tpm/routes.ts';
import type { RawRoute } from './http/index.ts';
import { issuanceLogDeviceHandlers } from './issuance-log/index.ts';
import { jobDeviceRoutes, jobTopicServices } from './jobs/index.ts';
import type { ListenerParts } from './listeners.ts';
import { provisioningTopics } from './provisioning/index.ts';
import { updateHandlers } from './releases/index.ts';
import { deviceRenewalHandlers } from './renewals/index.ts';
import type { ReservedTopic } from './reserved-topic.ts';
import type { RouteHandler } from './route-handler.ts';
import { shadowDeviceRoutes, shadowTopics } from './shadows/index.ts';
import { streamTopics } from './streams/index.ts';
import { deviceReportHandlers } from './things/index.ts';

export interface DeviceGateway {
  readonly guard: Guard;
  readonly mqtt: MqttGateway;
  readonly authorizer: Authorizer;
}

/** What devices reach over HTTPS, in the order of the domains. */
export function deviceApi(
  parts: ListenerParts,
  { guard: { admit }, mqtt, authorizer }: DeviceGateway,
): { readonly handlers: readonly RouteHandler[]; readonly rawRoutes: readonly RawRoute[] } {
  const { config, domains, clock } = parts;
  return {
    handlers: [
      ...updateHandlers(domains),
      ...directorHandlers(domains.director),
      ...deviceReportHandlers({
        things: domains.things,
        reported: (report) => domains.campaigns.feedback.reported(report),
      }),
      ...issuanceLogDeviceHandlers(domains.issuanceLog),
      ...deviceRenewalHandlers(domains.renewals),
    ],
    rawRoutes: [
      ...estRoutes({ ...domains, admit }),
      ...tpmRoutes({ ...domains, admit }),
      ...decidedRoutes(
        [...shadowDeviceRoutes(domains.shadows, () => clock.now()), ...jobDeviceRoutes(domains.jobs)],
        { admit, authorizer },
      ),
      publishRoute({
        ...parts,
        admit,
        authorizer,
        submit: (message) => mqtt.broker.submit(message),
        denials: domains.denials,
        limits: config.mqttLimits,
      }),
      ...ddiRoutes({
        ...domains,
        admit,
        clock,
        tenant: config.ddi.tenant,
        tokenRequestsPerSecondMax: config.httpLimits.deviceRequestsPerSecondMax,
      }),
    ],
  };
}

/** The reserved topics that the platform answers on. */
export function deviceTopics({
  domains,
  clock,
}: Pick<ListenerParts, 'domains' | 'clock'>): readonly ReservedTopic[] {
  return [
    ...provisioningTopics(domains.provisioning),
    ...jobTopicServices(domains.jobs, clock),
    ...streamTopics(domains.streams),
    ...shadowTopics(domains.shadows, () => clock.now()),
    ...deviceMetricsTopics(domains.deviceMetrics, () => clock.now()),
  ];
}
