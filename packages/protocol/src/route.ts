import type { Static, TSchema } from 'typebox';

/** Who may call: anybody, the bearer of an operator token, or the holder of a device certificate (on the device listener). */
export type RouteAccess = 'public' | 'operator' | 'device';

/**
 * One HTTP operation, written once: the server validates by it and publishes it in `/openapi.json`, the typed client
 * calls by it. `body: 'bytes'` streams `application/octet-stream` and is bounded by the server's settings.
 */
export interface Route<
  Params extends TSchema | undefined = TSchema | undefined,
  Query extends TSchema | undefined = TSchema | undefined,
  Body extends TSchema | 'bytes' | undefined = TSchema | 'bytes' | undefined,
  Answer extends TSchema | 'bytes' | undefined = TSchema | 'bytes' | undefined,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Fastify style: `/v1/things/:thingName`. */
  readonly path: string;
  /** The noun it belongs to, as in the folder and the CLI. */
  readonly noun: string;
  readonly summary: string;
  readonly access: RouteAccess;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Largest JSON body where the operation needs more than the listener's own limit. */
  readonly bodyBytesMax?: number;
  /** Success status; 204 has no answer. */
  readonly status: 200 | 201 | 202 | 204;
  readonly answer: Answer;
}

type Options = Omit<Route, 'params' | 'query' | 'body' | 'answer' | 'status'>;

/** Fills what is absent, so that a definition lists only what the operation has. */
export function defineRoute<
  const Params extends TSchema | undefined = undefined,
  const Query extends TSchema | undefined = undefined,
  const Body extends TSchema | 'bytes' | undefined = undefined,
  const Answer extends TSchema | 'bytes' | undefined = undefined,
>(
  route: Options & {
    readonly params?: Params;
    readonly query?: Query;
    readonly body?: Body;
    readonly status?: Route['status'];
    readonly answer?: Answer;
  },
): Route<Params, Query, Body, Answer> {
  const { params, query, body, answer, ...rest } = route;
  return {
    ...rest,
    status: route.status ?? (answer === undefined ? 204 : 200),
    params: params as Params,
    query: query as Query,
    body: body as Body,
    answer: answer as Answer,
  };
}

/** The TypeScript type of a route's part: `Uint8Array` for bytes, `undefined` when it has none. */
export type Part<Schema> = Schema extends 'bytes'
  ? Uint8Array
  : Schema extends TSchema
    ? Static<Schema>
    : undefined;
