import type { RouteAccess } from '@fleetward/protocol';
import type { FastifyRequest } from 'fastify';
import { plainAddress } from '../network-of.ts';
import type { Caller } from '../route-handler.ts';
import type { Credentials } from './authentication.ts';
import type { Deadline, Deadlines } from './deadline.ts';
import type { FailureLimiter } from './failure-limiter.ts';
import type { HttpLimits } from './limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read. */
    caller: Caller;
    deadline: Deadline;
  }
}

/** What every route of one listener shares. */
export interface Desk {
  readonly limits: HttpLimits;
  readonly limiter: FailureLimiter;
  /** For what counts failures of its own. */
  readonly newFailureLimiter: () => FailureLimiter;
  readonly deadlines: Deadlines;
  readonly admit: (access: RouteAccess, credentials: Credentials) => Promise<Caller>;
}

/** The peer's address; an IPv4 one that arrived on an IPv6 socket in its plain form. */
export function remoteAddressOf(request: FastifyRequest): string {
  return plainAddress(request.raw.socket.remoteAddress);
}
