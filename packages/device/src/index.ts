export { type Agent, type AgentParts, createAgent } from './agent/agent.ts';
export type { CheckLimits } from './agent/check-once.ts';
export type { DeviceModel } from './agent/choose-target.ts';
export { type AgentConfig, parseAgentConfig } from './agent/config.ts';
export type { CheckOutcome } from './agent/outcome.ts';
export type { ProbeSettings } from './agent/probe.ts';
export type { TrialSettings } from './agent/trial.ts';
export { type OpenAgent, openAgent } from './agent/wiring.ts';
export { DeviceError, type DeviceErrorCode } from './errors.ts';
export type { Loss } from './mqtt/loss.ts';
export type { Message, MessageHandler } from './mqtt/subscriptions.ts';
export { agentProgram, starterProgram } from './programs.ts';
export { type AskOptions, type Rejection, RequestRejected } from './sdk/ask.ts';
export { checkIssuance, type IssuanceCheck, type KnownLog } from './sdk/check-issuance.ts';
export {
  type ConnectionEvent,
  type ConnectionListener,
  type ConnectOptions,
  connectDevice,
  type DeviceConnection,
  type PublishOptions,
  type Subscription,
} from './sdk/connect-device.ts';
export { buildCsr } from './sdk/csr.ts';
export { type EnrollOptions, type EnrollOutcome, enroll } from './sdk/enroll.ts';
export { type DeviceIdentity, type IdentityFolder, openIdentityFolder } from './sdk/identity.ts';
export { type JobExecution, type Jobs, type JobUpdate, openJobs } from './sdk/jobs.ts';
export { type KeepRenewedOptions, keepRenewed, type Renewal, type RenewalEvent } from './sdk/keep-renewed.ts';
export { connectPlatform, type DeviceReport, isRenewalAsked, report } from './sdk/platform-client.ts';
export { type RenewOptions, type RenewOutcome, renew, renewalTimeMs } from './sdk/renew.ts';
export {
  type CustomMetric,
  type MetricsEvent,
  type MetricsReporter,
  type ReportMetricsOptions,
  reportMetrics,
} from './sdk/report-metrics.ts';
export {
  type JobEvent,
  type JobOutcome,
  type JobRunner,
  type RunJobsOptions,
  type RunningJob,
  runJobs,
} from './sdk/run-jobs.ts';
export {
  openShadow,
  type Shadow,
  type ShadowChange,
  type ShadowDelta,
  type ShadowDocument,
  type ShadowOptions,
} from './sdk/shadow.ts';
export { openUpdateClient, type UpdateClientOptions } from './sdk/update-client.ts';
export { type FirmwareVerdict, openVerifiedStream, verifyFirmware } from './sdk/verify-firmware.ts';
export { type Forwarding, type ForwardingOptions, forwardTelemetry } from './telemetry/forward.ts';
export {
  type QueuedMessage,
  type TelemetryCounts,
  TelemetryQueue,
  type TelemetryQueueOptions,
} from './telemetry/queue.ts';
