export { ThingsError, type ThingsErrorCode } from './errors.ts';
export { thingHandlers } from './http.ts';
export { ThingImports } from './import.ts';
export { type LifecycleState, lifecycleStates, maySpeak } from './lifecycle.ts';
export { deviceReportHandlers } from './report-http.ts';
export { mergedTags, type TagChange } from './rules.ts';
export { type ReportLimits, type ThingEvent, Things } from './service.ts';
export type { CertificateAttachment, DeviceReport, Thing } from './store.ts';
