import type { IncomingMessage } from 'node:http';
import { type Agent, request } from 'node:https';
import { ApiError } from './api-error.ts';
import { certificateRefusedText, watchHandshake } from './watch-handshake.ts';

/** Bytes to send: whole, or a stream that is read only as fast as the server takes it. */
export type UploadBody = Uint8Array | AsyncIterable<Uint8Array>;

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: UploadBody | undefined;
  readonly agent: Agent;
  /** Longest silence of the peer. */
  readonly idleTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Sends one request and resolves with the head of its answer; the answer's body is still to be read. A read that met the server's
 * closing of an idle connection is sent again (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
 */
export async function exchange(options: Exchange): Promise<IncomingMessage> {
  for (let again = 0; ; again++) {
    const { head, wasClosedIdle } = attempt(options);
    try {
      return await head;
    } catch (error) {
      if (again === attemptsAgainMax || !wasClosedIdle()) throw error;
    }
  }
}

/** As many connections may have been kept open. */
const attemptsAgainMax = 3;

function attempt(options: Exchange): {
  readonly head: Promise<IncomingMessage>;
  readonly wasClosedIdle: () => boolean;
} {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request(options.url, {
    method: options.method,
    headers: options.headers,
    agent: options.agent,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  outgoing.setTimeout(options.idleTimeoutMs, () =>
    outgoing.destroy(new ApiError('api.timeout', `no answer within ${options.idleTimeoutMs} ms`)),
  );
  let wasReset = false;
  const wasSecure = watchHandshake(outgoing);
  outgoing.once('response', resolve);
  outgoing.on('error', (cause: NodeJS.ErrnoException) => {
    wasReset = cause.code === 'ECONNRESET' || cause.code === 'EPIPE';
    const isRefused = wasReset && wasSecure() && options.agent.options.cert !== undefined;
    reject(isRefused ? certificateRefused(cause, options) : transportError(cause, options));
  });
  send(outgoing, options.body).catch((cause: Error) => outgoing.destroy(cause));
  const isRead = options.method === 'GET' || options.method === 'HEAD';
  return { head: promise, wasClosedIdle: () => isRead && wasReset && outgoing.reusedSocket };
}

async function send(outgoing: ReturnType<typeof request>, body: UploadBody | undefined): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return;
  }
  // An answer that comes before the body is sent is a refusal: the rest need not be read.
  const answered = new Promise<void>((resolve) => {
    outgoing.once('response', () => resolve());
    outgoing.once('close', () => resolve());
  });
  let over = false;
  void answered.then(() => {
    over = true;
  });
  for await (const chunk of body) {
    if (over || outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await Promise.race([drained(outgoing), answered]);
  }
  if (!over) outgoing.end();
}

function drained(outgoing: ReturnType<typeof request>): Promise<void> {
  return new Promise((resolve) => outgoing.once('drain', () => resolve()));
}

function certificateRefused(cause: Error, { url }: Exchange): ApiError {
  const message = `no answer from \`${url.origin}\`: ${certificateRefusedText}`;
  return new ApiError('api.unreachable', message, { cause });
}

function transportError(cause: Error, options: Exchange): ApiError {
  if (cause instanceof ApiError) return cause;
  const { reason } = options.signal ?? {};
  if (options.signal?.aborted === true) {
    return reason instanceof DOMException && reason.name === 'TimeoutError'
      ? new ApiError('api.timeout', 'no whole answer in time', { cause })
      : new ApiError('api.aborted', 'the call was aborted', { cause });
  }
  return new ApiError('api.unreachable', `cannot reach \`${options.url.origin}\`: ${cause.message}`, {
    cause,
  });
}

/** The body of an answer, chunk by chunk; a broken connection throws `ApiError`. */
export async function* answerChunks(
  answer: IncomingMessage,
  options: Exchange,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of answer) yield chunk as Uint8Array;
  } catch (cause) {
    throw transportError(cause as Error, options);
  }
}

/** The whole body of an answer of at most `bytesMax` bytes. */
export async function readAnswer(
  answer: IncomingMessage,
  options: Exchange & { readonly bytesMax: number },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of answerChunks(answer, options)) {
    lengthBytes += chunk.length;
    if (lengthBytes > options.bytesMax) {
      throw new ApiError('api.answer_too_large', `the answer has more than ${options.bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
