import type { Server as PlainServer } from 'node:http';
import type { Server, ServerOptions } from 'node:https';
import { plainAddress } from '../network-of.ts';
import { boundConnectionsPerAddress } from './connections-per-address.ts';

/** A listener's server; the public listener speaks plain HTTP. */
export type HttpServer = Server | PlainServer;

/** Bounds of one HTTP listener; each is a setting. */
export interface HttpLimits {
  readonly headerBytesMax: number;
  /** Body of a request, uploads excepted. */
  readonly bodyBytesMax: number;
  readonly uploadBytesMax: number;
  readonly headersTimeoutMs: number;
  /** Time for a whole request, uploads excepted: for those it is the longest silence. */
  readonly requestTimeoutMs: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly requestsPerSocketMax: number;
  readonly failedAuthenticationsPerMinuteMax: number;
  /** How long an answer may make no progress. */
  readonly stalledWriteMs: number;
  /** How long the rest of a refused request is still read. */
  readonly lingerMs: number;
}

/** What must be known when the listener's server is created. */
export function httpServerOptions(limits: HttpLimits): ServerOptions {
  return {
    maxHeaderSize: limits.headerBytesMax,
    // Node looks for overdue connections only this often.
    connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
    requireHostHeader: true,
  };
}

/** A connection that was cut because there were too many. */
export interface OverLimit {
  readonly setting: 'connectionsMax' | 'connectionsPerAddressMax';
  readonly remoteAddress: string;
}

/** Bounds a server's connections in count, time and requests. */
export function applyHttpLimits(
  server: HttpServer,
  limits: HttpLimits,
  overLimit: (over: OverLimit) => void,
): void {
  const refused = (setting: OverLimit['setting'], address: string | undefined) =>
    overLimit({ setting, remoteAddress: plainAddress(address) });
  server.headersTimeout = limits.headersTimeoutMs;
  // Zero: an upload may take long as long as it moves; `deadline.ts` bounds every other request.
  server.requestTimeout = 0;
  // A little later than the deadline, so that a late request gets its answer before the silence ends the connection.
  server.timeout = limits.requestTimeoutMs + 5_000;
  server.keepAliveTimeout = Math.min(5_000, limits.requestTimeoutMs);
  server.maxRequestsPerSocket = limits.requestsPerSocketMax;
  server.maxConnections = limits.connectionsMax;
  server.on('drop', (data) => refused('connectionsMax', data?.remoteAddress));
  boundConnectionsPerAddress(server, {
    max: limits.connectionsPerAddressMax,
    refused: (address) => refused('connectionsPerAddressMax', address),
  });
}
