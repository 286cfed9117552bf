import type { IncomingMessage } from 'node:http';
import { Agent } from 'node:https';
import { parseStrictJson, utf8 } from '@fleetward/core';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import { problem, problemMediaType } from '../errors.ts';
import type { Part, Route } from '../route.ts';
import { ApiError } from './api-error.ts';
import { answerChunks, type Exchange, exchange, readAnswer, type UploadBody } from './exchange.ts';
import { requestTarget } from './target.ts';

/** What a call of the route is given. */
export type RouteInput<R extends Route> = Given<R, 'params'> &
  (R['query'] extends TSchema ? { readonly query?: Part<R['query']> } : Nothing) &
  (R['body'] extends 'bytes' ? { readonly body: UploadBody } : Given<R, 'body'>) & {
    readonly signal?: AbortSignal;
  };

type Nothing = Record<never, never>;
type Given<R extends Route, Name extends 'params' | 'body'> = R[Name] extends TSchema
  ? { readonly [Key in Name]: Part<R[Name]> }
  : Nothing;
type Arguments<R extends Route> =
  Nothing extends RouteInput<R> ? [input?: RouteInput<R>] : [input: RouteInput<R>];
type BytesRoute = Route & { readonly answer: 'bytes' };
type DownloadInput<R extends Route> = RouteInput<R> & {
  readonly fromByte?: number;
  readonly toByte?: number;
};
type DownloadArguments<R extends Route> =
  Nothing extends RouteInput<R> ? [input?: DownloadInput<R>] : [input: DownloadInput<R>];

export interface Download {
  readonly contentType: string;
  /** Of this answer: from `fromByte` on. */
  readonly lengthBytes: number | undefined;
  /** Where the bytes begin: where it was asked for, or 0 when the server sends all of it. */
  readonly fromByte: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface ApiClient {
  /** Calls a route and checks its answer against the route's schema. Throws `ApiError`. */
  call<R extends Route>(route: R, ...input: Arguments<R>): Promise<Part<R['answer']>>;
  /**
   * Calls a route that answers bytes, without holding them all; `fromByte` asks for the rest from there on, up to and with
   * `toByte` where that is given. Throws `ApiError`, also while reading.
   */
  download<R extends BytesRoute>(route: R, ...input: DownloadArguments<R>): Promise<Download>;
  /** Closes kept-alive connections. */
  close(): void;
}

export interface ApiClientOptions {
  /** `https://HOST:PORT`. */
  readonly baseUrl: string;
  /** PEM of the authority the server's certificate must chain to; the system's when absent. */
  readonly ca?: string;
  /** Bearer token of an operator. */
  readonly token?: string;
  /** PEM of a client certificate chain with its key: how a device calls. */
  readonly cert?: string;
  readonly key?: string;
  /** Longest time of a whole call; for a stream, longest silence. Default 30,000. */
  readonly timeoutMs?: number;
  /** Largest answer held in memory. Default 16 MiB. */
  readonly answerBytesMax?: number;
}

/** A client typed by the routes it calls. It speaks HTTPS only, since it sends a bearer token. */
export function createApiClient(options: ApiClientOptions): ApiClient {
  const { ca, cert, key, token } = options;
  const base = parseBaseUrl(options.baseUrl);
  const timeoutMs = options.timeoutMs ?? 30_000;
  const bytesMax = options.answerBytesMax ?? 16_777_216;
  const agent = new Agent({ keepAlive: true, minVersion: 'TLSv1.2', ...given({ ca, cert, key }) });

  function prepare(route: Route, input: LooseInput, signal: AbortSignal | undefined): Exchange {
    return {
      url: new URL(base.origin + requestTarget(route, input)),
      method: route.method,
      headers: {
        ...given({ authorization: token && `Bearer ${token}` }),
        ...given({ range: rangeOf(input) }),
        ...bodyHeaders(route, input.body),
      },
      body: encodeBody(route, input.body),
      agent,
      idleTimeoutMs: timeoutMs,
      signal,
    };
  }

  return {
    async call<R extends Route>(route: R, ...[input]: Arguments<R>) {
      const loose: LooseInput = input ?? {};
      const total = route.body === 'bytes' ? undefined : AbortSignal.timeout(timeoutMs);
      const prepared = prepare(route, loose, anySignal(loose.signal, total));
      const answer = await exchange(prepared);
      const bytes = await readAnswer(answer, { ...prepared, bytesMax });
      if (answer.statusCode !== route.status) throw refusal(answer, bytes);
      // The schema was checked, or the route answers bytes or nothing.
      return decodeAnswer(route, bytes) as Part<R['answer']>;
    },
    async download(route, ...[input]) {
      const loose: LooseInput = input ?? {};
      const prepared = prepare(route, loose, loose.signal);
      const answer = await exchange(prepared);
      const fromByte = startOf(answer, loose.fromByte);
      if (fromByte === undefined && answer.statusCode !== route.status) {
        throw refusal(answer, await readAnswer(answer, { ...prepared, bytesMax }));
      }
      return {
        fromByte: fromByte ?? 0,
        contentType: answer.headers['content-type'] ?? 'application/octet-stream',
        lengthBytes: parseLength(answer.headers['content-length']),
        bytes: answerChunks(answer, prepared),
      };
    },
    close: () => agent.destroy(),
  };
}

/** A call's input after the types have been checked at its call site. */
interface LooseInput {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly fromByte?: number;
  readonly toByte?: number;
  readonly signal?: AbortSignal;
}

function rangeOf({ fromByte, toByte }: LooseInput): string | undefined {
  return fromByte === undefined ? undefined : `bytes=${fromByte}-${toByte ?? ''}`;
}

/** RFC 9110 §15.3.7: where a partial answer begins, when it is the one that was asked for. */
function startOf(answer: IncomingMessage, asked: number | undefined): number | undefined {
  if (answer.statusCode !== 206 || asked === undefined) return undefined;
  const [, first] = /^bytes (\d{1,15})-/.exec(answer.headers['content-range'] ?? '') ?? [];
  return Number(first) === asked ? asked : undefined;
}

function parseBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.pathname !== '/' || url.search !== '') {
    throw new ApiError(
      'api.invalid_options',
      `\`${text}\` is not a base address: expected \`https://HOST:PORT\``,
    );
  }
  return url;
}

function given<Value>(values: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  const present = Object.entries(values).filter((pair): pair is [string, Value] => pair[1] !== undefined);
  return Object.fromEntries(present);
}

function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const present = signals.filter((signal) => signal !== undefined);
  return present.length < 2 ? present[0] : AbortSignal.any(present);
}

function bodyHeaders(route: Route, body: unknown): Record<string, string> {
  if (body === undefined) return {};
  return { 'content-type': route.body === 'bytes' ? 'application/octet-stream' : 'application/json' };
}

function encodeBody(route: Route, body: unknown): UploadBody | undefined {
  if (body === undefined) return undefined;
  return route.body === 'bytes' ? (body as UploadBody) : utf8(JSON.stringify(body));
}

function decodeAnswer(route: Route, bytes: Uint8Array): unknown {
  if (route.answer === undefined) return undefined;
  if (route.answer === 'bytes') return bytes;
  const value = parseAnswer(bytes);
  if (!Check(route.answer, value)) {
    throw new ApiError(
      'api.unexpected_answer',
      `the answer of \`${route.path}\` is not of the form it must have`,
    );
  }
  return value;
}

function refusal(answer: IncomingMessage, bytes: Uint8Array): ApiError {
  const told = answer.headers['content-type']?.startsWith(problemMediaType) ? parseAnswer(bytes) : undefined;
  if (!Check(problem, told)) {
    return new ApiError(
      'api.unexpected_answer',
      `the server answered ${answer.statusCode} without a problem`,
    );
  }
  return new ApiError('api.refused', told.detail, { problem: told });
}

function parseAnswer(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes, { bytesMax: bytes.length, depthMax: 64 });
  } catch (cause) {
    throw new ApiError('api.unexpected_answer', 'the answer is not JSON', { cause });
  }
}

function parseLength(text: string | undefined): number | undefined {
  return text === undefined || !/^\d{1,15}$/.test(text) ? undefined : Number(text);
}
