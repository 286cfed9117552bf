import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendBytes } from './answer-bytes.ts';
import { refuseBlocked } from './authentication.ts';
import { bufferOf } from './bytes.ts';
import { type Desk, remoteAddressOf } from './desk.ts';
import type { FailureLimiter } from './failure-limiter.ts';
import type { RawAnswer, RawRequestHead, RawRoute } from './raw-route.ts';
import { boundedChunks, checkBodyHeaders, lingerThenClose } from './upload.ts';

/** Adds operations of foreign protocols, in a scope in which no body is parsed. */
export function registerRawRoutes(app: FastifyInstance, routes: readonly RawRoute[], desk: Desk): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', async (_: unknown, stream: unknown) => stream);
    for (const route of routes) registerRawRoute(scope, route, desk);
  });
}

/** Its body is whole before the operation runs, and nobody's who shows no credentials. */
function registerRawRoute(app: FastifyInstance, route: RawRoute, desk: Desk): void {
  const bytesMax = Math.min(route.bodyBytesMax ?? desk.limits.bodyBytesMax, desk.limits.bodyBytesMax);
  // Its own: failures elsewhere, by others behind the same address, are not about these credentials.
  const failures = desk.newFailureLimiter();
  app.route({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: route.path,
    onRequest: (request, reply) =>
      telling(route, request, async () => {
        const refusal = await route.refuse?.(headOf(request));
        if (refusal === undefined) {
          checkBodyHeaders(request.raw, { mediaTypes: route.mediaTypes, bytesMax });
          return undefined;
        }
        lingerThenClose(request.raw, desk.limits.lingerMs);
        return send(reply, refusal);
      }),
    handler: async (request, reply) => {
      const answer = await telling(route, request, () => answerRaw(route, request, bytesMax));
      if ('open' in answer) {
        request.deadline.lift();
        return sendBytes(request, reply, { answer, stalledWriteMs: desk.limits.stalledWriteMs });
      }
      if (answer.status === 401) countFailure(failures, remoteAddressOf(request));
      return send(reply, answer);
    },
  });
}

async function telling<Result>(
  route: RawRoute,
  request: FastifyRequest,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (failure) {
    route.failed?.(failure, headOf(request));
    throw failure;
  }
}

function headOf(request: FastifyRequest): RawRequestHead {
  return {
    headers: request.headers,
    params: request.params as Readonly<Record<string, string | undefined>>,
    query: request.query as Readonly<Record<string, unknown>>,
    socket: request.raw.socket,
    remoteAddress: remoteAddressOf(request),
  };
}

async function answerRaw(route: RawRoute, request: FastifyRequest, bytesMax: number) {
  return route.handle({
    ...headOf(request),
    body: await readBody(request.body as Readable | undefined, bytesMax),
    signal: request.deadline.signal,
  });
}

/** A good credential always passes: only what would have been 401 becomes 429. */
function countFailure(failures: FailureLimiter, remoteAddress: string): void {
  refuseBlocked(failures, remoteAddress);
  failures.fail(remoteAddress);
}

function send(reply: FastifyReply, answer: RawAnswer): FastifyReply {
  return reply.code(answer.status).headers(answer.headers).send(bufferOf(answer.body));
}

async function readBody(body: Readable | undefined, bytesMax: number): Promise<Uint8Array> {
  if (body === undefined || body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  for await (const chunk of boundedChunks(body, bytesMax)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
