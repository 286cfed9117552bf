import type { CertificateId, ThingName } from '@fleetward/core';
import type { Part, Route } from '@fleetward/protocol';

/** Who sent a request, as the listener established it before the handler runs. */
export type Caller =
  | { readonly kind: 'operator'; readonly operatorId: string; readonly name: string }
  | { readonly kind: 'device'; readonly certificateId: CertificateId; readonly thingName?: ThingName }
  | { readonly kind: 'anonymous' };

/** A request that passed its route's schemas and access rule. */
export interface RouteRequest<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  /** A stream of bounded length when the route's body is `bytes`. */
  readonly body: Body;
  readonly caller: Caller;
  readonly remoteAddress: string;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

type BodyOf<Schema> = Schema extends 'bytes' ? AsyncIterable<Uint8Array> : Part<Schema>;
type AnswerOf<Schema> = Schema extends 'bytes' ? BytesAnswer : Part<Schema>;

/** Bytes of known content that can be read from any place: the transport answers HEAD, ETag and Range from it. */
export interface OpenableBytes {
  readonly contentType: string;
  readonly lengthBytes: number;
  /** Names the content, such as its SHA-256, without quotes. */
  readonly etag: string;
  /** Both ends are included. A piece need be valid only until the next one is asked for. `cut` ends the connection at once. */
  open(
    range: { readonly start: number; readonly end: number },
    cut: (cause: Error) => void,
  ): AsyncIterable<Uint8Array>;
}

/** What answers a route whose answer is `bytes`. */
export type BytesAnswer =
  | OpenableBytes
  | { readonly contentType: string; readonly bytes: Uint8Array | AsyncIterable<Uint8Array> };

/** A route and what answers it; `http/` registers it, the domain owns it. */
export interface RouteHandler {
  readonly route: Route;
  readonly handle: (request: RouteRequest<never, never, never>) => Promise<unknown>;
}

/** Ties a route's definition to its handler, with the types of both checked against each other. */
export function handle<R extends Route>(
  route: R,
  handler: (
    request: RouteRequest<Part<R['params']>, Part<R['query']>, BodyOf<R['body']>>,
  ) => Promise<AnswerOf<R['answer']>>,
): RouteHandler {
  return { route, handle: handler };
}
