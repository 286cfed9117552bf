import { Readable } from 'node:stream';
import { counted } from '@fleetward/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BytesAnswer, OpenableBytes } from '../route-handler.ts';
import { bufferOf } from './bytes.ts';
import { HttpError } from './errors.ts';
import { matchesEtag } from './etag.ts';
import { type ByteRange, parseRange } from './range.ts';
import { sendPieces } from './send-pieces.ts';

/** Sends bytes: whole, as a stream, or a file that can be opened anywhere, for which HEAD, ETag and Range are answered. */
export function sendBytes(
  request: FastifyRequest,
  reply: FastifyReply,
  { answer, stalledWriteMs }: { readonly answer: BytesAnswer; readonly stalledWriteMs: number },
): FastifyReply {
  reply.type(answer.contentType);
  if ('open' in answer) return sendFile(request, reply, { file: answer, stalledWriteMs });
  if (answer.bytes instanceof Uint8Array) return reply.send(bufferOf(answer.bytes));
  return request.method === 'HEAD'
    ? reply.send()
    : reply.send(Readable.from(answer.bytes, { objectMode: false }));
}

function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { file, stalledWriteMs }: { readonly file: OpenableBytes; readonly stalledWriteMs: number },
): FastifyReply {
  const etag = `"${file.etag}"`;
  reply.header('etag', etag).header('accept-ranges', 'bytes');
  if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const range = rangeOf(request, file, etag);
  if (range === 'unsatisfiable') throw unsatisfiable(reply, file);
  if (range !== undefined) {
    reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${file.lengthBytes}`);
  }
  const { start, end } = range ?? { start: 0, end: file.lengthBytes - 1 };
  reply.header('content-length', end - start + 1);
  if (request.method === 'HEAD' || end < start) return reply.send();
  const cut = (cause: Error): void => void reply.raw.destroy(cause);
  return sendPieces(reply, { pieces: file.open({ start, end }, cut), stalledWriteMs });
}

/** RFC 9110 §14.2: ranges are of GET alone. §13.1.5: one is served only while the client's copy is of these bytes. */
function rangeOf(
  request: FastifyRequest,
  file: OpenableBytes,
  etag: string,
): ByteRange | 'unsatisfiable' | undefined {
  if (request.method !== 'GET') return undefined;
  const condition = request.headers['if-range'];
  if (condition !== undefined && condition !== etag) return undefined;
  return parseRange(request.headers.range, file.lengthBytes);
}

function unsatisfiable(reply: FastifyReply, file: OpenableBytes): HttpError {
  reply.header('content-range', `bytes */${file.lengthBytes}`);
  return new HttpError('http.range_not_satisfiable', `the artifact has ${counted(file.lengthBytes, 'byte')}`);
}
