import type { Socket } from 'node:net';
import { type Clock, parseStrictJson, type Random } from '@fleetward/core';
import { getOpenApi, type Route } from '@fleetward/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import { handle, type RouteHandler } from '../route-handler.ts';
import { type Authenticate, type AuthenticationRefusal, createGate } from './authentication.ts';
import { createDeadlines } from './deadline.ts';
import { type Desk, remoteAddressOf } from './desk.ts';
import { HttpError } from './errors.ts';
import { answerClientError, createFailureAnswer } from './fail.ts';
import { createFailureLimiter } from './failure-limiter.ts';
import { applyHttpLimits, type HttpLimits, type HttpServer, type OverLimit } from './limits.ts';
import type { HttpLog } from './log.ts';
import { registerMethodsNotAllowed } from './method-not-allowed.ts';
import { describeRoutes, type OpenApiDocument } from './openapi.ts';
import type { RawRoute } from './raw-route.ts';
import { registerRawRoutes } from './register-raw-route.ts';
import { registerRoute } from './register-route.ts';

const jsonDepthMax = 32;

export interface HttpAppOptions {
  /** The listener's server, made with `httpServerOptions`; whoever made it listens and closes it. */
  readonly server: HttpServer;
  readonly handlers: readonly RouteHandler[];
  readonly rawRoutes?: readonly RawRoute[];
  readonly authenticate: Authenticate;
  /** Told of each refused authentication, within the bounds of the failure limit. */
  readonly refused?: (refusal: AuthenticationRefusal) => void;
  /** What a 401 asks for (`WWW-Authenticate`), where a header can be the answer. */
  readonly challenge?: string;
  /** Seconds until the peer may make a request again; 0 when it may make this one. */
  readonly limitRequest?: (socket: Socket) => number;
  /** Told of each connection that was cut because there were too many. */
  readonly overLimit?: (over: OverLimit) => void;
  readonly limits: HttpLimits;
  readonly log: HttpLog;
  readonly clock: Clock;
  readonly random: Random;
  /** Name and version in `/openapi.json`; without it the listener does not describe itself. */
  readonly describe?: { readonly title: string; readonly version: string };
}

export interface HttpApp {
  readonly openApi: OpenApiDocument | undefined;
  /** Refuses new requests and aborts those under way. The server itself is left to its maker. */
  close(): Promise<void>;
}

/** Serves routes on a server: limits, authentication, validation, problems, headers and the access log in one place. */
export async function createHttpApp(options: HttpAppOptions): Promise<HttpApp> {
  const desk = createDesk(options);
  const app = createFastify(options, desk);
  const openApi = describe(options);
  const handlers = [
    ...options.handlers,
    ...(openApi === undefined ? [] : [handle(getOpenApi, async () => openApi)]),
  ];
  const rawRoutes = options.rawRoutes ?? [];
  for (const handler of handlers) registerRoute(app, handler, desk);
  registerRawRoutes(app, rawRoutes, desk);
  registerMethodsNotAllowed(app, [...handlers.map(({ route }) => route), ...rawRoutes]);
  applyHttpLimits(options.server, options.limits, options.overLimit ?? (() => undefined));
  await app.ready();
  return {
    openApi,
    close: async () => {
      desk.deadlines.stop();
      await app.close();
    },
  };
}

function describe(options: HttpAppOptions): OpenApiDocument | undefined {
  if (options.describe === undefined) return undefined;
  const routes: readonly Route[] = [...options.handlers.map(({ route }) => route), getOpenApi];
  return describeRoutes(routes, options.describe);
}

function createDesk(options: HttpAppOptions): Desk {
  const { authenticate, clock, limits } = options;
  const newFailureLimiter = () =>
    createFailureLimiter({ clock, failuresPerMinuteMax: limits.failedAuthenticationsPerMinuteMax });
  const limiter = newFailureLimiter();
  const refused = options.refused ?? (() => undefined);
  return {
    limits,
    limiter,
    newFailureLimiter,
    deadlines: createDeadlines(),
    admit: createGate({ authenticate, limiter, refused }),
  };
}

function createFastify(options: HttpAppOptions, desk: Desk): FastifyInstance {
  const fail = createFailureAnswer({
    random: options.random,
    limiter: desk.limiter,
    log: options.log,
    lingerMs: desk.limits.lingerMs,
    challenge: options.challenge,
  });
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    // `deadlines` refuses what comes while stopping, as a problem like any other.
    return503OnClosing: false,
    bodyLimit: desk.limits.bodyBytesMax,
    routerOptions: { maxParamLength: 1_024 },
    clientErrorHandler: answerClientError,
    frameworkErrors: fail,
    serverFactory: (listener) => options.server.on('request', listener),
  });
  setParsers(app);
  setHeaders(app);
  boundRequests(app, options, desk);
  app.setErrorHandler(fail);
  app.setNotFoundHandler(async () => {
    throw notFound();
  });
  app.addHook('onResponse', async (request, reply) => {
    options.log.info(
      {
        method: request.method,
        // The pattern, not the path: a path can name what a stolen log should not tell.
        route: request.routeOptions.url ?? 'unknown',
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
        remoteAddress: remoteAddressOf(request),
      },
      'request',
    );
  });
  return app;
}

/** Whatever a request asks for, its time is bounded and its caller's rate; what is not there needs no body. */
function boundRequests(app: FastifyInstance, { limitRequest }: HttpAppOptions, desk: Desk): void {
  app.addHook('onRequest', async (request, reply) => {
    request.deadline = desk.deadlines.begin(reply, desk.limits.requestTimeoutMs);
    const retryAfterSeconds = limitRequest?.(request.raw.socket) ?? 0;
    if (retryAfterSeconds > 0) throw tooManyRequests(retryAfterSeconds);
    if (request.is404) throw notFound();
  });
  // Node counts a write that the peer takes some of as progress. Its own time for the next request comes after this.
  app.addHook('onSend', async (request) => {
    request.raw.socket.setTimeout(desk.limits.stalledWriteMs);
  });
}

function notFound(): HttpError {
  return new HttpError('http.not_found', 'there is nothing at this path');
}

function tooManyRequests(retryAfterSeconds: number): HttpError {
  return new HttpError(
    'http.too_many_requests',
    `too many requests of this certificate: try again in ${retryAfterSeconds} s`,
    { details: { retryAfterSeconds } },
  );
}

/** JSON is parsed strictly; anything else stays a stream, and the route says whether it takes one. */
function setParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: unknown, body: Buffer) =>
    // Fastify has held it to the route's limit.
    parseStrictJson(body, { bytesMax: body.length, depthMax: jsonDepthMax }),
  );
  app.addContentTypeParser('*', async (_: unknown, stream: unknown) => stream);
}

function setHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (_, reply) => {
    reply.headers({
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    });
  });
}
