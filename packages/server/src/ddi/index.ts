export { DdiError, type DdiErrorCode } from './errors.ts';
export { targetTokenHandlers } from './http.ts';
export { Ddi, type DdiPeer } from './service.ts';
export { TargetTokens } from './target-tokens.ts';
