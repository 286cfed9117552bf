import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { HttpError } from './errors.ts';
import { anyMediaType } from './raw-route.ts';

/** How much of a refused request's body is still read, so that the client gets to see why before the connection ends. */
const lingerBytesMax = 1_048_576;

/** Refuses on the header what is too large or of another type, before a byte of the body is read. */
export function checkBodyHeaders(
  request: IncomingMessage,
  expected: { readonly mediaTypes: readonly string[]; readonly bytesMax: number },
): void {
  if (!hasBody(request)) return;
  if (expected.mediaTypes.length === 0) {
    throw new HttpError('http.bad_request', 'this operation takes no body');
  }
  const mediaType = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!expected.mediaTypes.includes(anyMediaType) && !expected.mediaTypes.includes(mediaType)) {
    throw new HttpError(
      'http.unsupported_media_type',
      `the body must be \`${expected.mediaTypes.join('` or `')}\``,
    );
  }
  if (request.headers['content-encoding'] !== undefined) {
    throw new HttpError('http.unsupported_media_type', 'a compressed body is not accepted');
  }
  if (Number(request.headers['content-length'] ?? 0) > expected.bytesMax) throw tooLarge(expected.bytesMax);
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * The chunks of an upload; more than `bytesMax` bytes in all throw `http.body_too_large`. Whoever stops early leaves the
 * request whole: destroying it would reset the connection before the client has read why.
 */
export async function* boundedChunks(
  source: Readable,
  bytesMax: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let lengthBytes = 0;
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    lengthBytes += chunk.length;
    if (lengthBytes > bytesMax) throw tooLarge(bytesMax);
    yield chunk;
  }
}

function tooLarge(bytesMax: number): HttpError {
  return new HttpError('http.body_too_large', `the body may have ${bytesMax} bytes at most`);
}

/** After an answer that did not wait for the body: reads on for a bounded amount and time, then ends the connection. */
export function lingerThenClose(request: IncomingMessage, lingerMs: number): void {
  if (request.complete || request.destroyed) return;
  let lengthBytes = 0;
  const end = () => {
    clearTimeout(timer);
    request.off('data', count);
    request.socket.destroySoon();
  };
  const timer = setTimeout(end, lingerMs);
  const count = (chunk: Uint8Array) => {
    lengthBytes += chunk.length;
    if (lengthBytes > lingerBytesMax) end();
  };
  request.on('data', count);
  request.once('end', () => clearTimeout(timer));
  request.once('close', () => clearTimeout(timer));
  request.on('error', () => request.socket.destroy());
}
