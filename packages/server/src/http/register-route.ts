import type { Readable } from 'node:stream';
import type { Route } from '@fleetward/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BytesAnswer, RouteHandler } from '../route-handler.ts';
import { compileJsonAnswer } from './answer.ts';
import { sendBytes } from './answer-bytes.ts';
import { type Desk, remoteAddressOf } from './desk.ts';
import { boundedChunks, checkBodyHeaders } from './upload.ts';
import { compileRequestCheck } from './validate-request.ts';

/** The most a stranger may make the platform read, though the route is public: a secret and a name. */
const publicBodyBytesMax = 16_384;

/**
 * Adds a route with its handler. The order holds for each request: its time has started, the headers are checked, the caller
 * is known and allowed, and only then is the body read, checked and handed on, if the caller is still allowed by then: whoever holds
 * requests back before their last byte does not outlive the end of a token with them.
 */
export function registerRoute(app: FastifyInstance, handler: RouteHandler, desk: Desk): void {
  const { route } = handler;
  const answer = createAnswer(handler);
  app.route({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: route.path,
    bodyLimit: jsonBytesMax(route, desk),
    onRequest: async (request) => {
      checkBodyHeaders(request.raw, bodyExpectedBy(route, desk));
      await admit(route, request, desk);
      if (isStreamed(route)) request.deadline.lift();
    },
    handler: (request, reply) => answer(request, reply, desk),
  });
}

function isStreamed(route: Route): boolean {
  return route.body === 'bytes' || route.answer === 'bytes';
}

function jsonBytesMax(route: Route, { limits }: Desk): number {
  if (route.access === 'public') return Math.min(limits.bodyBytesMax, publicBodyBytesMax);
  return Math.max(limits.bodyBytesMax, route.bodyBytesMax ?? 0);
}

function bodyExpectedBy(route: Route, desk: Desk) {
  if (route.body === undefined) return { mediaTypes: [], bytesMax: 0 };
  if (route.body === 'bytes') {
    return { mediaTypes: ['application/octet-stream'], bytesMax: desk.limits.uploadBytesMax };
  }
  return { mediaTypes: ['application/json'], bytesMax: jsonBytesMax(route, desk) };
}

async function admit(route: Route, request: FastifyRequest, desk: Desk): Promise<void> {
  request.caller = await desk.admit(route.access, {
    authorization: request.headers.authorization,
    socket: request.raw.socket,
    remoteAddress: remoteAddressOf(request),
  });
}

function createAnswer({ route, handle }: RouteHandler) {
  const check = compileRequestCheck(route);
  const encode = compileJsonAnswer(route);
  return async (request: FastifyRequest, reply: FastifyReply, desk: Desk): Promise<FastifyReply> => {
    if (request.body !== undefined && !isStreamed(route)) await admit(route, request, desk);
    const parts = check({ params: request.params, query: request.query, body: request.body });
    const result = await handle({
      ...parts,
      ...(route.body === 'bytes' ? { body: uploadOf(request, desk) } : {}),
      caller: request.caller,
      remoteAddress: remoteAddressOf(request),
      signal: request.deadline.signal,
      // The parts were checked against the schemas that `handle()` typed the handler by.
    } as Parameters<typeof handle>[0]);
    reply.code(route.status);
    // The same tie: a route of bytes has a handler of bytes.
    if (route.answer === 'bytes') {
      const { stalledWriteMs } = desk.limits;
      return sendBytes(request, reply, { answer: result as BytesAnswer, stalledWriteMs });
    }
    return sendJson(reply, encode(result));
  };
}

function uploadOf(request: FastifyRequest, { limits }: Desk): AsyncIterable<Uint8Array> {
  const stream = request.body as Readable | undefined;
  return stream === undefined || stream === null
    ? emptyUpload()
    : boundedChunks(stream, limits.uploadBytesMax);
}

async function* emptyUpload(): AsyncGenerator<Uint8Array, void, undefined> {}

function sendJson(reply: FastifyReply, text: string | undefined): FastifyReply {
  if (text === undefined) return reply.send();
  return reply.type('application/json; charset=utf-8').send(text);
}
