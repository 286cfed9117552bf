import type { RouteAccess } from '@fleetward/protocol';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../route-handler.ts';
import type { Credentials } from './authentication.ts';
import type { Deadlines } from './deadline.ts';
import type { FailureLimiter } from './failure-limiter.ts';
import type { HttpLimits } from './limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read. */
    caller: Caller;
    signalOfRequest: AbortSignal;
  }
}

/** What every route of one listener shares. */
export interface Desk {
  readonly limits: HttpLimits;
  readonly limiter: FailureLimiter;
  readonly deadlines: Deadlines;
  readonly admit: (access: RouteAccess, credentials: Credentials) => Promise<Caller>;
}

/** The peer's address; an IPv4 one that arrived on an IPv6 socket in its plain form. */
export function remoteAddressOf(request: FastifyRequest): string {
  return (request.raw.socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
}
