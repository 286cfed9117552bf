import { decodeText } from '../codec/wire-reader.ts';
import { assertTopicName } from './names.ts';

/** A topic name that was checked once. `route` is the owner's note of who matches it, for the owner to take back. */
export class Topic<Route> {
  readonly text: string;
  readonly bytes: Buffer;
  /** Names that begin with `$` are hidden from leading wildcards (MQTT-4.7.2-1). */
  readonly isReserved: boolean;
  readonly levels: readonly string[];
  route: Route | undefined = undefined;
  readonly hash: number;

  constructor(text: string, bytes: Buffer, hash: number) {
    this.text = text;
    this.bytes = bytes;
    this.hash = hash;
    this.isReserved = text.startsWith('$');
    this.levels = text.split('/');
  }

  is(bytes: Buffer, start: number, end: number): boolean {
    const known = this.bytes;
    if (known.length !== end - start) return false;
    for (let at = 0; at < known.length; at++) if (known[at] !== bytes[start + at]) return false;
    return true;
  }
}

const SLOTS = 16_384;
const WAYS = 4;
/** Longer topic names are checked and matched each time. */
export const INTERNED_BYTES_MAX = 512;

/**
 * Gives the same `Topic` for the same bytes, so that a topic in use is validated, split and matched once. A set-associative
 * cache of fixed size: what a flood of new or colliding topics can do is make look-ups miss, never make them grow.
 */
export class TopicTable<Route> {
  readonly #slots: (Topic<Route> | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #seed: number;
  readonly #refuse: (topic: Topic<Route>) => void;
  #victim = 0;

  /** `refuse` throws for a topic the owner does not take (limits); it runs when a topic is first seen. */
  constructor(options: { readonly seed: number; readonly refuse: (topic: Topic<Route>) => void }) {
    this.#seed = options.seed;
    this.#refuse = options.refuse;
  }

  /** Throws `MqttError` when the bytes are not a topic name. */
  intern(bytes: Buffer, start: number, end: number): Topic<Route> {
    if (end - start > INTERNED_BYTES_MAX) return this.#make(bytes, start, { end, hash: 0 });
    const hash = this.#hash(bytes, start, end);
    const first = (hash & (SLOTS / WAYS - 1)) * WAYS;
    for (let slot = first; slot < first + WAYS; slot++) {
      const topic = this.#slots[slot];
      if (topic !== undefined && topic.hash === hash && topic.is(bytes, start, end)) return topic;
    }
    const topic = this.#make(bytes, start, { end, hash });
    this.#slots[first + this.#freeWay(first)] = topic;
    return topic;
  }

  fromText(text: string): Topic<Route> {
    const bytes = Buffer.from(text);
    return this.intern(bytes, 0, bytes.length);
  }

  #make(
    bytes: Buffer,
    start: number,
    { end, hash }: { readonly end: number; readonly hash: number },
  ): Topic<Route> {
    const text = decodeText(bytes, start, end);
    assertTopicName(text);
    const topic = new Topic<Route>(text, Buffer.from(bytes.subarray(start, end)), hash);
    this.#refuse(topic);
    return topic;
  }

  #freeWay(first: number): number {
    for (let way = 0; way < WAYS; way++) if (this.#slots[first + way] === undefined) return way;
    this.#victim = (this.#victim + 1) % WAYS;
    return this.#victim;
  }

  /** FNV-1a from a secret seed. */
  #hash(bytes: Buffer, start: number, end: number): number {
    let hash = this.#seed;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    return (hash ^ (hash >>> 15)) | 0;
  }
}
