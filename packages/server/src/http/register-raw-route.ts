import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuseBlocked } from './authentication.ts';
import { bufferOf } from './bytes.ts';
import { type Desk, remoteAddressOf } from './desk.ts';
import type { FailureLimiter } from './failure-limiter.ts';
import type { RawAnswer, RawRoute } from './raw-route.ts';
import { boundedChunks, checkBodyHeaders, lingerThenClose } from './upload.ts';

/** Adds an operation of a foreign protocol; its body is whole before it runs, and nobody's who shows no credentials. */
export function registerRawRoute(app: FastifyInstance, route: RawRoute, desk: Desk): void {
  const bytesMax = Math.min(route.bodyBytesMax ?? desk.limits.bodyBytesMax, desk.limits.bodyBytesMax);
  // Its own: failures elsewhere, by others behind the same address, are not about these credentials.
  const failures = desk.newFailureLimiter();
  app.route({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: route.path,
    onRequest: async (request, reply) => {
      const refusal = route.refuse?.({ headers: request.headers, socket: request.raw.socket });
      if (refusal === undefined) {
        checkBodyHeaders(request.raw, { mediaTypes: route.mediaTypes, bytesMax });
        return undefined;
      }
      lingerThenClose(request.raw, desk.limits.lingerMs);
      return send(reply, refusal);
    },
    handler: async (request, reply) => {
      const answer = await answerRaw(route, request, bytesMax);
      if (answer.status === 401) countFailure(failures, remoteAddressOf(request));
      return send(reply, answer);
    },
  });
}

async function answerRaw(route: RawRoute, request: FastifyRequest, bytesMax: number): Promise<RawAnswer> {
  return route.handle({
    headers: request.headers,
    params: request.params as Readonly<Record<string, string | undefined>>,
    body: await readBody(request.body as Readable | undefined, bytesMax),
    socket: request.raw.socket,
    remoteAddress: remoteAddressOf(request),
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
