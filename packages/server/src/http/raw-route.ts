import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { OpenableBytes } from '../route-handler.ts';

/** For a body of which only the bytes count. */
export const anyMediaType = '*/*';

/** What is known of a request before a byte of its body is read. */
export interface RawRequestHead {
  readonly headers: IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly socket: Socket;
  readonly remoteAddress: string;
}

export interface RawRequest extends RawRequestHead {
  /** Empty when the request has none. */
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * An operation of a foreign protocol (EST, CRL, OCSP, DDI), whose bodies stay bytes. It establishes by itself who calls; `handle`'s
 * answers of status 401 count as its failed authentications.
 */
export interface RawRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** Media types of its body, or `anyMediaType`; empty when it takes none. */
  readonly mediaTypes: readonly string[];
  /** Largest body; without it, or above it, the listener's own bound holds. */
  readonly bodyBytesMax?: number;
  /** Refuses by the head alone, before a byte of the body is read, with an answer or by throwing. */
  refuse?(request: RawRequestHead): RawAnswer | undefined | Promise<RawAnswer | undefined>;
  /** Told of whatever is thrown for a request, before the client is told of it. */
  failed?(failure: unknown, request: RawRequestHead): void;
  handle(request: RawRequest): Promise<RawAnswer | OpenableBytes>;
}
