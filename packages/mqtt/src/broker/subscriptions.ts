import type { Qos } from '../codec/packet-type.ts';
import { FilterTrie } from '../topics/filter-trie.ts';
import { parseSharedFilter } from '../topics/names.ts';
import { INTERNED_BYTES_MAX, type Topic } from '../topics/topic-table.ts';
import { SharedGroup, type SharedSubscriber } from './shared-group.ts';

/** One filter of one subscriber; a route holds these, merged where the filters of one subscriber overlap. */
export interface Subscription<Subscriber> {
  readonly subscriber: Subscriber;
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[];
  /** What holds for the subscriber's own messages, where only some of its filters are no-local. */
  readonly forOwn?: Subscription<Subscriber>;
}

/** Who a topic's messages go to: each of the subscriptions, and one member of each group. */
export interface Route<Subscriber extends SharedSubscriber> {
  readonly subscriptions: readonly Subscription<Subscriber>[];
  readonly groups: readonly SharedGroup<Subscriber>[];
}

/** Hears how many members a shared subscription, `$share/NAME/FILTER`, has now. */
type GroupSized = (filter: string, members: number) => void;

const CACHED_ROUTE_MAX = 4096;
const CACHED_ROUTES_MAX = 16_384;
/** Of all cached routes together. */
const CACHED_ENTRIES_MAX = 2 ** 20;
const NO_IDENTIFIERS: readonly number[] = [];

/** Who gets what: the tries, and each topic's route remembered until a subscription changes. */
export class Subscriptions<Subscriber extends SharedSubscriber> {
  readonly #trie: FilterTrie<Subscriber, Subscription<Subscriber>>;
  /** By the whole `$share/NAME/FILTER`; the trie has them under their FILTER. */
  readonly #groups = new Map<string, SharedGroup<Subscriber>>();
  readonly #groupTrie: FilterTrie<string, SharedGroup<Subscriber>>;
  /** Those with a route: a route left behind would keep subscribers that are gone. */
  readonly #routed: Topic<Route<Subscriber>>[] = [];
  readonly #sized: GroupSized;
  #routedEntries = 0;
  #size = 0;

  constructor(options: { readonly levelsMax: number; readonly groupSized?: GroupSized }) {
    this.#sized = options.groupSized ?? (() => undefined);
    this.#trie = new FilterTrie(options);
    this.#groupTrie = new FilterTrie(options);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds or replaces (MQTT-3.8.4-3). */
  set(filter: string, subscription: Subscription<Subscriber>): void {
    const shared = parseSharedFilter(filter);
    const previous =
      shared === undefined
        ? this.#setDirect(filter, subscription)
        : this.#join(this.#groups.get(filter) ?? this.#newGroup(filter, shared), subscription);
    if (previous === undefined) this.#size++;
  }

  delete(filter: string, subscriber: Subscriber): boolean {
    const group = this.#groups.get(filter);
    const isDeleted = group === undefined ? this.#deleteDirect(filter, subscriber) : group.delete(subscriber);
    if (isDeleted) this.#size--;
    if (group?.size === 0) this.#deleteGroup(filter);
    if (isDeleted && group !== undefined) this.#sized(filter, group.size);
    return isDeleted;
  }

  route(topic: Topic<Route<Subscriber>>): Route<Subscriber> {
    if (topic.route !== undefined) return topic.route;
    const matches: Subscription<Subscriber>[] = [];
    this.#trie.match(topic.levels, matches);
    const groups: SharedGroup<Subscriber>[] = [];
    if (this.#groups.size > 0) this.#groupTrie.match(topic.levels, groups);
    const route = { subscriptions: matches.length < 2 ? matches : merge(matches), groups };
    if (entriesOf(route) <= CACHED_ROUTE_MAX && topic.bytes.length <= INTERNED_BYTES_MAX)
      this.#remember(topic, route);
    return route;
  }

  /** Whether the route of the topic has anybody. */
  reaches(topic: string): boolean {
    return this.#trie.matchesAny(topic) || this.#groupTrie.matchesAny(topic);
  }

  #setDirect(filter: string, subscription: Subscription<Subscriber>): Subscription<Subscriber> | undefined {
    this.#forgetRoutes();
    return this.#trie.set(filter, subscription.subscriber, subscription);
  }

  #deleteDirect(filter: string, subscriber: Subscriber): boolean {
    if (this.#trie.delete(filter, subscriber) === undefined) return false;
    this.#forgetRoutes();
    return true;
  }

  #join(
    group: SharedGroup<Subscriber>,
    subscription: Subscription<Subscriber>,
  ): Subscription<Subscriber> | undefined {
    const previous = group.set(subscription);
    if (previous === undefined) this.#sized(group.filter, group.size);
    return previous;
  }

  /** Members come and go without a change of any route. */
  #newGroup(
    filter: string,
    shared: { readonly shareName: string; readonly filter: string },
  ): SharedGroup<Subscriber> {
    const group = new SharedGroup<Subscriber>(filter, shared.shareName);
    this.#groupTrie.set(shared.filter, filter, group);
    this.#groups.set(filter, group);
    this.#forgetRoutes();
    return group;
  }

  #deleteGroup(filter: string): void {
    const shared = parseSharedFilter(filter);
    if (shared !== undefined) this.#groupTrie.delete(shared.filter, filter);
    this.#groups.delete(filter);
    this.#forgetRoutes();
  }

  #remember(topic: Topic<Route<Subscriber>>, route: Route<Subscriber>): void {
    const entries = entriesOf(route);
    const isFull = this.#routed.length === CACHED_ROUTES_MAX;
    if (isFull || this.#routedEntries + entries > CACHED_ENTRIES_MAX) this.#forgetRoutes();
    topic.route = route;
    this.#routed.push(topic);
    this.#routedEntries += entries;
  }

  /** Costs no more than computing the routes did. */
  #forgetRoutes(): void {
    for (const topic of this.#routed) topic.route = undefined;
    this.#routed.length = 0;
    this.#routedEntries = 0;
  }
}

function entriesOf<Subscriber extends SharedSubscriber>(route: Route<Subscriber>): number {
  return route.subscriptions.length + route.groups.length;
}

/** One copy a subscriber, with the highest QoS (MQTT-3.3.5-1, MQTT5-3.3.4-2) and all identifiers (MQTT5-3.3.4-3, -4). */
function merge<Subscriber>(
  matches: readonly Subscription<Subscriber>[],
): readonly Subscription<Subscriber>[] {
  const merged = new Map<Subscriber, Subscription<Subscriber>>();
  for (const match of matches) {
    const known = merged.get(match.subscriber);
    merged.set(match.subscriber, known === undefined ? match : join(known, match));
  }
  return [...merged.values()];
}

function join<Subscriber>(
  a: Subscription<Subscriber>,
  b: Subscription<Subscriber>,
): Subscription<Subscriber> {
  const all = joinPlainly(a, b);
  if (!a.noLocal && !b.noLocal && a.forOwn === undefined) return all;
  const own = [a, b].flatMap((each) => (each.noLocal ? [] : [each.forOwn ?? each]));
  if (own.length === 0) return all;
  const [first, second] = own;
  const forOwn = first === undefined || second === undefined ? first : joinPlainly(first, second);
  return forOwn === undefined ? all : { ...all, noLocal: false, forOwn };
}

function joinPlainly<Subscriber>(
  { forOwn: _, ...a }: Subscription<Subscriber>,
  b: Subscription<Subscriber>,
): Subscription<Subscriber> {
  const identifiers =
    a.identifiers.length + b.identifiers.length === 0 ? NO_IDENTIFIERS : [...a.identifiers, ...b.identifiers];
  const retainAsPublished = a.retainAsPublished || b.retainAsPublished;
  return { ...a, qos: a.qos > b.qos ? a.qos : b.qos, retainAsPublished, identifiers };
}
