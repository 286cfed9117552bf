import { FilterTrie } from '../topics/filter-trie.ts';
import { INTERNED_BYTES_MAX, type Topic } from '../topics/topic-table.ts';

/** One filter of one subscriber; a route holds these, merged where the filters of one subscriber overlap. */
export interface Subscription<Subscriber> {
  readonly subscriber: Subscriber;
  readonly qos: 0 | 1;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[];
}

export type Route<Subscriber> = readonly Subscription<Subscriber>[];

const CACHED_ROUTE_MAX = 4096;
const CACHED_ROUTES_MAX = 16_384;
/** Of all cached routes together. */
const CACHED_ENTRIES_MAX = 2 ** 20;
const NO_IDENTIFIERS: readonly number[] = [];

/** Who gets what: the trie, and each topic's route remembered until a subscription changes. */
export class Subscriptions<Subscriber> {
  readonly #trie: FilterTrie<Subscriber, Subscription<Subscriber>>;
  /** Those with a route: a route left behind would keep subscribers that are gone. */
  readonly #routed: Topic<Route<Subscriber>>[] = [];
  #routedEntries = 0;
  #size = 0;

  constructor(options: { readonly levelsMax: number }) {
    this.#trie = new FilterTrie(options);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds or replaces (MQTT-3.8.4-3). */
  set(filter: string, subscription: Subscription<Subscriber>): void {
    if (this.#trie.set(filter, subscription.subscriber, subscription) === undefined) this.#size++;
    this.#forgetRoutes();
  }

  delete(filter: string, subscriber: Subscriber): boolean {
    if (this.#trie.delete(filter, subscriber) === undefined) return false;
    this.#size--;
    this.#forgetRoutes();
    return true;
  }

  route(topic: Topic<Route<Subscriber>>): Route<Subscriber> {
    if (topic.route !== undefined) return topic.route;
    const matches: Subscription<Subscriber>[] = [];
    this.#trie.match(topic.levels, matches);
    const route = matches.length < 2 ? matches : merge(matches);
    if (route.length <= CACHED_ROUTE_MAX && topic.bytes.length <= INTERNED_BYTES_MAX)
      this.#remember(topic, route);
    return route;
  }

  #remember(topic: Topic<Route<Subscriber>>, route: Route<Subscriber>): void {
    const isFull = this.#routed.length === CACHED_ROUTES_MAX;
    if (isFull || this.#routedEntries + route.length > CACHED_ENTRIES_MAX) this.#forgetRoutes();
    topic.route = route;
    this.#routed.push(topic);
    this.#routedEntries += route.length;
  }

  /** Costs no more than computing the routes did. */
  #forgetRoutes(): void {
    for (const topic of this.#routed) topic.route = undefined;
    this.#routed.length = 0;
    this.#routedEntries = 0;
  }
}

/** One copy a subscriber, with the highest QoS (MQTT-3.3.5-1) and all identifiers (MQTT5-3.3.4-3 to -5); no-local ones apart. */
function merge<Subscriber>(matches: readonly Subscription<Subscriber>[]): Route<Subscriber> {
  const shared = new Map<Subscriber, Subscription<Subscriber>>();
  const notLocal = new Map<Subscriber, Subscription<Subscriber>>();
  for (const match of matches) {
    const group = match.noLocal ? notLocal : shared;
    const known = group.get(match.subscriber);
    group.set(match.subscriber, known === undefined ? match : join(known, match));
  }
  return [...shared.values(), ...notLocal.values()];
}

function join<Subscriber>(
  a: Subscription<Subscriber>,
  b: Subscription<Subscriber>,
): Subscription<Subscriber> {
  const identifiers =
    a.identifiers.length + b.identifiers.length === 0 ? NO_IDENTIFIERS : [...a.identifiers, ...b.identifiers];
  const retainAsPublished = a.retainAsPublished || b.retainAsPublished;
  return { ...a, qos: a.qos === 1 ? 1 : b.qos, retainAsPublished, identifiers };
}
