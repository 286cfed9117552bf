export { ThingsError, type ThingsErrorCode } from './errors.ts';
export { thingHandlers } from './http.ts';
export { deviceReportHandlers } from './report-http.ts';
export { type NewThing, type ThingEvent, Things, type ThingsOptions } from './service.ts';
export type { CertificateAttachment, DeviceReport, Thing, ThingStore } from './store.ts';
