export type { SearchErrorCode } from './errors.ts';
export { SearchError } from './errors.ts';
export type { CertificateFacts } from './facts.ts';
export { searchHandlers } from './http.ts';
export { type KeptShadow, Search, type SearchLimits } from './service.ts';
