import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { isAppError, type Random } from '@fleetward/core';
import { type Problem, problemMediaType } from '@fleetward/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tooManyFailures } from './authentication.ts';
import { remoteAddressOf } from './desk.ts';
import { HttpError } from './errors.ts';
import type { FailureLimiter } from './failure-limiter.ts';
import type { HttpLog } from './log.ts';
import { statusOf } from './status.ts';
import { toProblem } from './to-problem.ts';
import { lingerThenClose } from './upload.ts';

/** Turns every failure of a request into a problem document; only what is our own fault is logged as an error. */
export function createFailureAnswer(options: {
  readonly random: Random;
  readonly limiter: FailureLimiter;
  readonly log: HttpLog;
  readonly lingerMs: number;
  readonly challenge: string | undefined;
}): (failure: unknown, request: FastifyRequest, reply: FastifyReply) => void {
  return (reason, request, reply) => {
    const failure = boundGuesses(reason, request, options.limiter);
    const problem = toProblem(failure, options.random);
    if (problem.status >= 500 && !isExpected(failure, request))
      logFailure(options.log, { failure, problem, request });
    if (problem.status === 401 && options.challenge !== undefined)
      reply.header('www-authenticate', options.challenge);
    const retryAfterSeconds = isAppError(failure) ? failure.details.retryAfterSeconds : undefined;
    if (typeof retryAfterSeconds === 'number') reply.header('retry-after', retryAfterSeconds);
    for (const name of ['content-length', 'content-range', 'etag']) {
      if (problem.status !== 416) reply.removeHeader(name);
    }
    lingerThenClose(request.raw, options.lingerMs);
    // As bytes: Fastify would add a charset to text, which the media type does not have.
    reply
      .code(problem.status)
      .type(problemMediaType)
      .send(Buffer.from(JSON.stringify(problem)));
  };
}

/** Counts a failed authentication; an address that has failed too often is told that instead. */
function boundGuesses(failure: unknown, request: FastifyRequest, limiter: FailureLimiter): unknown {
  if (!isAppError(failure) || statusOf(failure.code) !== 401) return failure;
  const remoteAddress = remoteAddressOf(request);
  const tooMany = tooManyFailures(limiter, remoteAddress);
  if (tooMany === undefined) limiter.fail(remoteAddress);
  return tooMany ?? failure;
}

/**
 * Not yet ready or stopping is no failure of ours; neither is a handler that fails because its client broke off, and
 * whoever does that must not fill the log.
 */
function isExpected(failure: unknown, { raw }: FastifyRequest): boolean {
  const isUnready = failure instanceof HttpError && statusOf(failure.code) === 503;
  return isUnready || raw.socket.destroyed || (raw.destroyed && !raw.complete);
}

/**
 * What of a failure is safe in a log. The message of a foreign error may repeat its input, such as a body that does not
 * parse, so only our own messages are logged, and of the others where they arose.
 */
function logFailure(
  log: HttpLog,
  facts: { readonly failure: unknown; readonly problem: Problem; readonly request: FastifyRequest },
): void {
  const { failure, problem, request } = facts;
  log.error(
    {
      instance: problem.instance,
      code: isAppError(failure) ? failure.code : undefined,
      route: request.routeOptions.url,
      name: failure instanceof Error ? failure.name : typeof failure,
      message: isAppError(failure) ? failure.message : undefined,
      frames: failure instanceof Error ? framesOf(failure) : undefined,
    },
    'a request failed',
  );
}

function framesOf(failure: Error): readonly string[] {
  const lines = failure.stack?.split('\n') ?? [];
  return lines.filter((line) => /^\s+at /.test(line)).slice(0, 20);
}

/** Answers bytes that are no HTTP request, or headers that are too large or too late, on the bare socket. */
export function answerClientError(failure: Error, socket: Duplex): void {
  if (!socket.writable || Reflect.get(failure, 'code') === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const { status, code } = clientErrorOf(Reflect.get(failure, 'code'));
  const title = STATUS_CODES[status] ?? 'Bad Request';
  const detail = 'the request could not be read';
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code } satisfies Problem);
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function clientErrorOf(code: unknown): { readonly status: number; readonly code: string } {
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, code: 'http.headers_too_large' };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { status: 408, code: 'http.timeout' };
  return { status: 400, code: 'http.bad_request' };
}
