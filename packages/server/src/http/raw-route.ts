import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

export interface RawRequest {
  readonly headers: IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string | undefined>>;
  /** Empty when the request has none. */
  readonly body: Uint8Array;
  readonly socket: Socket;
  readonly remoteAddress: string;
  readonly signal: AbortSignal;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * An operation of a foreign protocol that is not JSON (EST, CRL, OCSP). It establishes by itself who calls; `handle`'s answers
 * of status 401 count as its failed authentications.
 */
export interface RawRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Media types of its body, `application/json` excepted; empty when it takes none. */
  readonly mediaTypes: readonly string[];
  /** Largest body; without it, or above it, the listener's own bound holds. */
  readonly bodyBytesMax?: number;
  /** Refuses by the headers and the connection alone, before a byte of the body is read. */
  refuse?(request: Pick<RawRequest, 'headers' | 'socket'>): RawAnswer | undefined;
  handle(request: RawRequest): Promise<RawAnswer>;
}
