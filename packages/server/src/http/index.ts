export { createHttpApp, type HttpApp, type HttpAppOptions } from './app.ts';
export type { Authenticate, Authentication, AuthenticationRefusal, Credentials } from './authentication.ts';
export { operatorAuthentication } from './bearer-authentication.ts';
export { AddressCount, boundConnectionsPerAddress } from './connections-per-address.ts';
export { HttpError, type HttpErrorCode } from './errors.ts';
export { matchesEtag } from './etag.ts';
export { type HttpLimits, httpServerOptions, type OverLimit } from './limits.ts';
export type { HttpLog } from './log.ts';
export type { OpenApiDocument } from './openapi.ts';
export { type PlatformFacts, platformHandlers } from './platform.ts';
export {
  anyMediaType,
  type RawAnswer,
  type RawRequest,
  type RawRequestHead,
  type RawRoute,
} from './raw-route.ts';
export { type ReadableTrail, trailHandlers } from './trail.ts';
