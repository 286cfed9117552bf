import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuseBlocked } from './authentication.ts';
import { type Desk, remoteAddressOf } from './desk.ts';
import type { RawRoute } from './raw-route.ts';
import { boundedChunks, checkBodyHeaders } from './upload.ts';

/** Adds an operation of a foreign protocol; its body is whole before it runs. */
export function registerRawRoute(app: FastifyInstance, route: RawRoute, desk: Desk): void {
  app.route({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: route.path,
    onRequest: async (request, reply) => {
      request.signalOfRequest = desk.deadlines.begin(reply, desk.limits.requestTimeoutMs);
      checkBodyHeaders(request.raw, { mediaTypes: route.mediaTypes, bytesMax: desk.limits.bodyBytesMax });
      if (request.headers.authorization !== undefined) refuseBlocked(desk.limiter, remoteAddressOf(request));
    },
    handler: (request, reply) => answerRaw(route, { request, reply, desk }),
  });
}

async function answerRaw(
  route: RawRoute,
  call: { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly desk: Desk },
): Promise<FastifyReply> {
  const { request, reply, desk } = call;
  const answer = await route.handle({
    headers: request.headers,
    params: request.params as Readonly<Record<string, string | undefined>>,
    body: await readBody(request.body as Readable | undefined, desk.limits.bodyBytesMax),
    socket: request.raw.socket,
    remoteAddress: remoteAddressOf(request),
    signal: request.signalOfRequest,
  });
  if (answer.status === 401) desk.limiter.fail(remoteAddressOf(request));
  return reply.code(answer.status).headers(answer.headers).send(Buffer.from(answer.body));
}

async function readBody(body: Readable | undefined, bytesMax: number): Promise<Uint8Array> {
  if (body === undefined || body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  for await (const chunk of boundedChunks(body, bytesMax)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
