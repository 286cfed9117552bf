import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Fetcher } from '@fleetward/updates';
import { http } from '../node-http.ts';
import type { AskOptions, Installer, InstallerAnswer, InstallerVerb } from './installer.ts';
import { answerBytesMax, formatStep, parseAnswer } from './step.ts';

export interface SocketInstallerSettings {
  /** Where the installer service listens. */
  readonly socket: string;
  readonly installWithinMs: number;
  readonly stepWithinMs: number;
}

/**
 * The installer is a service with more rights, behind a UNIX socket. It pulls what it needs: over the connection it sends the
 * requests (HTTP), and the agent answers with the step, what the repository has, and the image. Its own answer is a PUT.
 */
export function socketInstaller(settings: SocketInstallerSettings, fetcher: Fetcher): Installer {
  return { ask: (verb, options) => askService(verb, { ...options, settings, fetcher }) };
}

interface Asked extends AskOptions {
  readonly settings: SocketInstallerSettings;
  readonly fetcher: Fetcher;
}

async function askService(verb: InstallerVerb, asked: Asked): Promise<InstallerAnswer> {
  const { settings, stop } = asked;
  stop?.throwIfAborted();
  const withinMs = verb === 'install' ? settings.installWithinMs : settings.stepWithinMs;
  const limit = AbortSignal.timeout(withinMs);
  const ends = stop === undefined ? limit : AbortSignal.any([limit, stop]);
  const { promise, resolve } = Promise.withResolvers<InstallerAnswer>();
  const again = (why: string) => resolve({ kind: 'again', explanation: `the installer service ${why}` });
  const server = http.createServer(
    { maxHeaderSize: 8192, requestTimeout: 0, headersTimeout: 0 },
    (...at) => void serve(at, { ...asked, verb, signal: ends, resolve }).catch(() => socket.destroy()),
  );
  const socket = connect(settings.socket);
  socket.once('error', ({ message }) => again(`is not there: ${message}`));
  socket.once('close', () => again('ended without an answer'));
  socket.once('connect', () => server.emit('connection', socket));
  const cut = () => socket.destroy();
  ends.addEventListener('abort', cut, { once: true });
  const answer = await promise;
  ends.removeEventListener('abort', cut);
  socket.end();
  stop?.throwIfAborted();
  if (!limit.aborted || answer.kind !== 'again') return answer;
  return { kind: 'failed', explanation: `\`${verb}\` did not end within ${withinMs} ms` };
}

interface Served extends Asked {
  readonly verb: InstallerVerb;
  readonly signal: AbortSignal;
  resolve(answer: InstallerAnswer): void;
}

async function serve(
  [request, response]: readonly [IncomingMessage, ServerResponse],
  served: Served,
): Promise<void> {
  const { verb, image, resolve } = served;
  const path = (request.url ?? '').slice(1);
  if (request.method === 'PUT' && path === 'answer') {
    const answer = parseAnswer(await readBody(request));
    response.writeHead(204).end();
    resolve(answer);
  } else if (path === 'step') {
    response.end(formatStep({ verb, image }));
  } else if (path.startsWith('targets/') && verb === 'install' && image !== undefined) {
    response.writeHead(200, { 'content-length': image.lengthBytes });
    await pipeline(createReadStream(image.path), response);
  } else {
    await passOn(path, { request, response, served });
  }
}

/** What the repository answers; never more than the service would take. */
async function passOn(
  path: string,
  { request, response, served }: { request: IncomingMessage; response: ServerResponse; served: Served },
): Promise<void> {
  const bytesMax = Number(request.headers['x-bytes-max'] ?? 0);
  const { fetcher, signal } = served;
  const result = await fetcher.fetch(path, { bytesMax, signal }).catch((error: Error) => {
    signal.throwIfAborted();
    return { kind: 'unreachable' as const, explanation: error.message };
  });
  if (result.kind === 'absent') return void response.writeHead(404).end();
  if (result.kind === 'unreachable') return void response.writeHead(502).end(result.explanation);
  await pipeline(upTo(bytesMax, result.chunks), response);
}

/** So many bytes, and the one chunk that shows that there are more. */
async function* upTo(bytesMax: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    if (bytes > bytesMax) return;
  }
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new RangeError('the answer of the installer service is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
