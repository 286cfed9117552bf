export type { IssuanceLogErrorCode } from './errors.ts';
export { issuanceLogDeviceHandlers, issuanceLogHandlers } from './http.ts';
export { IssuanceLog } from './service.ts';
