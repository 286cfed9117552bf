import type { JsonObject } from '@fleetward/core';
import { shadowTopic } from '@fleetward/protocol';
import { DeviceError } from '../errors.ts';
import { type AskOptions, isObject, openAsker, parseAnswer, RequestRejected } from './ask.ts';
import type { DeviceConnection, Subscription } from './connect-device.ts';

export interface ShadowOptions extends AskOptions {
  /** Default: the classic shadow. */
  readonly shadowName?: string;
}

/** `state` has `desired`, `reported` and, of a `get`, `delta`, as far as they are there. */
export interface ShadowDocument {
  readonly state: {
    readonly desired?: JsonObject;
    readonly reported?: JsonObject;
    readonly delta?: JsonObject;
  };
  readonly metadata: JsonObject;
  readonly version: number;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number;
}

/** What is desired and not reported so. */
export interface ShadowDelta {
  readonly state: JsonObject;
  readonly version: number;
}

/** Members are merged; `null` deletes one, or a whole section. */
export interface ShadowChange {
  readonly desired?: JsonObject | null;
  readonly reported?: JsonObject | null;
}

/** One shadow of a thing. Every request throws `RequestRejected` with the platform's code, `device.timeout` or `device.refused`. */
export interface Shadow {
  /** Nothing where there is no such shadow. */
  get(): Promise<ShadowDocument | undefined>;
  /** Resolves, when it is durable, with what was sent. With `version` only if the shadow has that one (409 otherwise). */
  update(change: ShadowChange, options?: { readonly version?: number }): Promise<ShadowDocument>;
  /** Whether there was one. */
  delete(): Promise<boolean>;
  /** Told after each change that leaves a difference, never of an older version than before. */
  onDelta(handler: (delta: ShadowDelta) => void | Promise<void>): Promise<Subscription>;
  close(): Promise<void>;
}

const operations = ['get', 'update', 'delete'] as const;

/** A shadow over MQTT, as AWS IoT has it: `$aws/things/THING/shadow[/name/NAME]/…`. Resolves when its answers are subscribed to. */
export async function openShadow(connection: DeviceConnection, options: ShadowOptions): Promise<Shadow> {
  const key = { thingName: options.thingName, shadowName: options.shadowName ?? '' };
  const answers = operations.flatMap((operation) => [
    shadowTopic(key, `${operation}/accepted`),
    shadowTopic(key, `${operation}/rejected`),
  ]);
  const asker = await openAsker(connection, answers, options);
  const ask = (operation: (typeof operations)[number], body: JsonObject) =>
    asker.ask(shadowTopic(key, operation), body);

  return {
    get: () => unlessMissing(async () => parseShadow(await ask('get', {}))),
    async update({ desired, reported }, { version } = {}) {
      const state = {
        ...(desired !== undefined && { desired }),
        ...(reported !== undefined && { reported }),
      };
      return parseShadow(await ask('update', { state, ...(version !== undefined && { version }) }));
    },
    delete: async () => (await unlessMissing(() => ask('delete', {}))) !== undefined,
    onDelta(handler) {
      let lastVersion = 0;
      return connection.subscribe(shadowTopic(key, 'update/delta'), ({ payload }) => {
        const delta = parseDelta(parseAnswer(payload));
        if (delta.version <= lastVersion) return undefined; // a duplicate
        lastVersion = delta.version;
        return handler(delta);
      });
    },
    close: () => asker.close(),
  };
}

async function unlessMissing<Value>(ask: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RequestRejected && error.rejection.code === 404) return undefined;
    throw error;
  }
}

/** Throws `device.answer_invalid`. */
export function parseShadow({ state, metadata, version, timestamp }: JsonObject): ShadowDocument {
  const sections = state === null ? {} : state; // an update that took the last section away
  const isSound =
    isObject(sections) &&
    [sections.desired, sections.reported, sections.delta].every(
      (section) => section === undefined || section === null || isObject(section),
    );
  if (!isSound || typeof version !== 'number') throw invalid('a shadow');
  const present = Object.entries(sections).filter(([, section]) => section !== null);
  return {
    state: Object.fromEntries(present),
    metadata: isObject(metadata) ? metadata : {},
    version,
    timestamp: typeof timestamp === 'number' ? timestamp : 0,
  };
}

/** Throws `device.answer_invalid`. */
export function parseDelta({ state, version }: JsonObject): ShadowDelta {
  if (!isObject(state) || typeof version !== 'number') throw invalid('a delta');
  return { state, version };
}

function invalid(what: string): DeviceError {
  return new DeviceError('device.answer_invalid', `what the platform says is not ${what}`);
}
