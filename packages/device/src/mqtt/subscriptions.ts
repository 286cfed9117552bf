import {
  assertTopicFilter,
  isFailure,
  matchesFilter,
  type PublishPacket,
  parseSharedFilter,
  type ReasonCode,
} from '@fleetward/mqtt/codec';
import { DeviceError } from '../errors.ts';
import { type ClientSession, refusal } from './client-session.ts';

export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly properties: PublishPacket['properties'];
}

/** A message with QoS 1 is acknowledged when what it returns is settled; until then it counts against the receive maximum. */
export type MessageHandler = (message: Message) => void | Promise<void>;

export interface SubscriptionEvents {
  /** A filter that was granted before is not any more; it is asked for again at the next connection. */
  readonly refused: (filter: string, reasonCode: ReasonCode) => void;
  readonly unhandled: (topic: string) => void;
  readonly handlerFailed: (topic: string, error: unknown) => void;
}

interface Wanted {
  readonly filter: string;
  /** Without `$share/NAME/`. */
  readonly pattern: string;
  readonly handlers: Set<MessageHandler>;
  qos: 0 | 1;
  granted: PromiseWithResolvers<void>;
  state: 'wanted' | 'asked' | 'granted' | 'refused';
}

/** What the app listens to, and which of it the server has granted in the session there is. */
export class Subscriptions {
  readonly #session: Pick<ClientSession, 'ask'>;
  readonly #events: SubscriptionEvents;
  readonly #wanted = new Map<string, Wanted>();
  #isOpen = false;
  #isFirst = true;

  constructor(session: Pick<ClientSession, 'ask'>, events: SubscriptionEvents) {
    this.#session = session;
    this.#events = events;
  }

  /** Resolves when the server has granted it, now or after the next connection; its messages come from here on. */
  add(filter: string, handler: MessageHandler, qos: 0 | 1): Promise<void> {
    assertTopicFilter(filter);
    const wanted = this.#wanted.get(filter) ?? this.#want(filter, qos);
    wanted.handlers.add(handler);
    if (qos > wanted.qos) Object.assign(wanted, { qos, state: 'wanted', granted: pending() });
    if (wanted.state === 'wanted' && this.#isOpen) this.#ask(wanted);
    return wanted.granted.promise;
  }

  /** The server is told when nobody listens to the filter any more. */
  async remove(filter: string, handler: MessageHandler): Promise<void> {
    const wanted = this.#wanted.get(filter);
    if (wanted === undefined || !wanted.handlers.delete(handler) || wanted.handlers.size > 0) return;
    this.#wanted.delete(filter);
    if (this.#isOpen) await this.#session.ask({ kind: 'unsubscribe', filter });
  }

  opened(sessionPresent: boolean): void {
    this.#isOpen = true;
    for (const wanted of this.#wanted.values()) {
      // The session may be of an earlier process, which wanted something else.
      const isKept = sessionPresent && !this.#isFirst && wanted.state === 'granted';
      if (!isKept) this.#ask(wanted);
    }
    this.#isFirst = false;
  }

  lost(): void {
    this.#isOpen = false;
  }

  abandon(error: Error): void {
    for (const { granted } of this.#wanted.values()) granted.reject(error);
    this.#wanted.clear();
  }

  /** To everybody whose filter matches, at once; the promise, if any, is settled when the last of them is done. */
  deliver(packet: PublishPacket): Promise<void> | undefined {
    const { topic, payload, retain, properties } = packet;
    const message: Message = { topic, payload, qos: packet.qos === 0 ? 0 : 1, retain, properties };
    const handlers = [...this.#wanted.values()]
      .filter(({ pattern }) => matchesFilter(pattern, topic))
      .flatMap((wanted) => [...wanted.handlers]);
    if (handlers.length === 0) this.#events.unhandled(topic);
    const running = handlers
      .map((handler) => this.#run(handler, message))
      .filter((done) => done !== undefined);
    return running.length === 0 ? undefined : Promise.all(running).then(() => undefined);
  }

  #run(handler: MessageHandler, message: Message): Promise<void> | undefined {
    const failed = (error: unknown) => this.#events.handlerFailed(message.topic, error);
    try {
      return handler(message)?.catch(failed);
    } catch (error) {
      failed(error);
      return undefined;
    }
  }

  #want(filter: string, qos: 0 | 1): Wanted {
    const pattern = parseSharedFilter(filter)?.filter ?? filter;
    const wanted: Wanted = { filter, pattern, handlers: new Set(), qos, granted: pending(), state: 'wanted' };
    this.#wanted.set(filter, wanted);
    return wanted;
  }

  #ask(wanted: Wanted): void {
    const { filter, qos } = wanted;
    const wasGranted = wanted.state === 'granted' || wanted.state === 'refused';
    wanted.state = 'asked';
    this.#session.ask({ kind: 'subscribe', filter, qos }).then(
      (reasonCode) => {
        if (isFailure(reasonCode)) this.#refused(wanted, { reasonCode, wasGranted });
        else {
          wanted.state = 'granted';
          wanted.granted.resolve();
        }
      },
      () => {
        // The connection ended: the next one asks again.
        wanted.state = wasGranted ? 'refused' : 'wanted';
      },
    );
  }

  #refused(
    wanted: Wanted,
    { reasonCode, wasGranted }: { readonly reasonCode: ReasonCode; readonly wasGranted: boolean },
  ): void {
    wanted.state = 'refused';
    if (wasGranted) {
      this.#events.refused(wanted.filter, reasonCode);
      return;
    }
    if (this.#wanted.get(wanted.filter) === wanted) this.#wanted.delete(wanted.filter);
    wanted.granted.reject(refusal(reasonCode));
  }
}

/** It may be that nobody waits. */
function pending(): PromiseWithResolvers<void> {
  const granted = Promise.withResolvers<void>();
  granted.promise.catch((error: unknown) => {
    if (!(error instanceof DeviceError)) throw error;
  });
  return granted;
}
