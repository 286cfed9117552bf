import type { Socket } from 'node:net';
import type { CertificateId } from '@fleetward/core';
import type { RouteAccess } from '@fleetward/protocol';
import type { Caller } from '../route-handler.ts';
import { HttpError } from './errors.ts';
import type { FailureLimiter } from './failure-limiter.ts';

/** What a caller proves itself by. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** The TLS socket, for the listener that knows callers by their certificate. */
  readonly socket: Socket;
  readonly remoteAddress: string;
}

/** `reason` is told to the caller; it never repeats what was presented. */
export type Authentication =
  | { readonly kind: 'accepted'; readonly caller: Caller }
  | { readonly kind: 'refused'; readonly reason: string; readonly certificateId?: CertificateId };

export type Authenticate = (credentials: Credentials) => Promise<Authentication>;

export interface AuthenticationRefusal {
  readonly remoteAddress: string;
  readonly reason: string;
  /** Of a caller that showed one which is not enough. */
  readonly certificateId?: CertificateId;
}

/** Establishes who calls and whether the route's access rule lets them; throws `HttpError` when it does not. */
export function createGate(options: {
  readonly authenticate: Authenticate;
  readonly limiter: FailureLimiter;
  readonly refused: (refusal: AuthenticationRefusal) => void;
}): (access: RouteAccess, credentials: Credentials) => Promise<Caller> {
  return async (access, credentials) => {
    if (access === 'public') return { kind: 'anonymous' };
    const outcome = await options.authenticate(credentials);
    if (outcome.kind === 'refused') throw refuse(options, credentials, outcome);
    if (outcome.caller.kind !== access) throw forbidden(access);
    return outcome.caller;
  };
}

/**
 * A good credential always passes, whatever others behind its address do; only failures are bounded. Beyond the bound they
 * are no longer reported, so that guessing cannot fill the denials.
 */
function refuse(
  options: { readonly limiter: FailureLimiter; readonly refused: (refusal: AuthenticationRefusal) => void },
  { remoteAddress }: Credentials,
  { kind: _, ...refusal }: Extract<Authentication, { kind: 'refused' }>,
): HttpError {
  const { reason } = refusal;
  refuseBlocked(options.limiter, remoteAddress);
  options.refused({ remoteAddress, ...refusal });
  return new HttpError('http.unauthenticated', reason);
}

/** Throws `http.too_many_failures` when the address has failed too often. */
export function refuseBlocked(limiter: FailureLimiter, remoteAddress: string): void {
  const failure = tooManyFailures(limiter, remoteAddress);
  if (failure !== undefined) throw failure;
}

/** What an address is told, in place of why it failed, once it has failed too often. */
export function tooManyFailures(limiter: FailureLimiter, remoteAddress: string): HttpError | undefined {
  const retryAfterSeconds = limiter.blockedSeconds(remoteAddress);
  if (retryAfterSeconds === 0) return undefined;
  return new HttpError(
    'http.too_many_failures',
    `too many failed authentications from this address: try again in ${retryAfterSeconds} s`,
    { details: { retryAfterSeconds } },
  );
}

function forbidden(access: RouteAccess): HttpError {
  return new HttpError('http.forbidden', `this operation is for callers of kind \`${access}\` only`);
}

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1). */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer ([A-Za-z0-9._~+/-]{1,512}=*)$/i.exec(authorization ?? '')?.[1];
}
