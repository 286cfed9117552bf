export { DdiError, type DdiErrorCode } from './errors.ts';
export { Ddi, type DdiPeer } from './service.ts';
