import { type Json, type JsonObject, parseStrictJson, type Random, toHex } from '@fleetward/core';
import { DeviceError } from '../errors.ts';
import type { DeviceConnection, Subscription } from './connect-device.ts';

/** What the platform says to a request that it does not grant. */
export interface Rejection {
  /** Of shadows a number as in HTTP, of jobs a word such as `VersionMismatch`. */
  readonly code: number | string;
  readonly message: string;
}

/** A shadow or job request that the platform has rejected; `code` is `device.rejected`. */
export class RequestRejected extends DeviceError {
  readonly rejection: Rejection;

  constructor(topic: string, rejection: Rejection) {
    const said = `${rejection.code}: ${rejection.message.slice(0, 200)}`;
    super('device.rejected', `\`${topic}\` is rejected: ${said}`, { details: { ...rejection } });
    this.rejection = rejection;
  }
}

export interface AskOptions {
  readonly thingName: string;
  /** For the tokens by which answers find their question. */
  readonly random: Random;
  /** For the way there, the platform and the way back; default 10,000. */
  readonly timeoutMs?: number;
}

export interface Asker {
  /** Publishes to a topic and resolves with what comes on `…/accepted`. Throws `RequestRejected`, `device.timeout`, `device.refused`. */
  ask(topic: string, body: JsonObject): Promise<JsonObject>;
  close(): Promise<void>;
}

const answerBytesMax = 256 * 1024;
const answerDepthMax = 32;

/** Request and answer as AWS IoT has them: `filters` cover the answers, and `clientToken` says whose each is. */
export async function openAsker(
  connection: DeviceConnection,
  filters: readonly string[],
  { random, timeoutMs = 10_000 }: AskOptions,
): Promise<Asker> {
  const asked = new Map<
    string,
    { readonly topic: string; readonly answer: PromiseWithResolvers<JsonObject> }
  >();

  function answered({ topic, payload }: { readonly topic: string; readonly payload: Uint8Array }): void {
    const body = parseAnswer(payload);
    const question = asked.get(textOf(body.clientToken));
    if (question === undefined) return; // somebody else's, or too late
    if (topic.endsWith('/accepted')) question.answer.resolve(body);
    else question.answer.reject(new RequestRejected(question.topic, rejectionOf(body)));
  }

  async function ask(topic: string, body: JsonObject): Promise<JsonObject> {
    const clientToken = toHex(random.bytes(16));
    const answer = Promise.withResolvers<JsonObject>();
    const late = new DeviceError('device.timeout', `\`${topic}\` was not answered within ${timeoutMs} ms`);
    const given = new AbortController();
    const timer = setTimeout(() => given.abort(late), timeoutMs);
    given.signal.addEventListener('abort', () => answer.reject(late), { once: true });
    asked.set(clientToken, { topic, answer });
    try {
      const sent = connection.publish(topic, JSON.stringify({ ...body, clientToken }), {
        signal: given.signal,
      });
      const [answered] = await Promise.all([answer.promise, sent]);
      return answered;
    } finally {
      clearTimeout(timer);
      asked.delete(clientToken);
    }
  }

  const subscriptions = await subscribeAll(connection, filters, answered);
  return {
    ask,
    async close() {
      await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()));
    },
  };
}

function subscribeAll(
  connection: DeviceConnection,
  filters: readonly string[],
  answered: (message: { readonly topic: string; readonly payload: Uint8Array }) => void,
): Promise<readonly Subscription[]> {
  return Promise.all(filters.map((filter) => connection.subscribe(filter, answered)));
}

/** A JSON object, bounded in size and depth. Throws `device.answer_invalid`. */
export function parseAnswer(payload: Uint8Array): JsonObject {
  const value = attempt(() =>
    parseStrictJson(payload, { bytesMax: answerBytesMax, depthMax: answerDepthMax }),
  );
  if (isObject(value)) return value;
  throw new DeviceError('device.answer_invalid', 'what the platform says is no JSON object');
}

function attempt(parse: () => Json): Json {
  try {
    return parse();
  } catch (cause) {
    throw new DeviceError('device.answer_invalid', 'what the platform says is no JSON', { cause });
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function rejectionOf({ code, message }: JsonObject): Rejection {
  return { code: typeof code === 'number' ? code : textOf(code), message: textOf(message) };
}
