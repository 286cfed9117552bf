import { FilterTrie, parseSharedFilter } from '@fleetward/mqtt';
import type { Share, SharedMembers } from './bus.ts';

/** One shared subscription with members at other gateways. */
interface Group {
  readonly subscription: string;
  readonly shareName: string;
  /** By node; 0 members is remembered, so that an older count that comes late changes nothing. */
  readonly elsewhere: Map<string, { readonly version: number; readonly members: number }>;
  /** Whose turn it is, over the members of all gateways. */
  turn: number;
}

/** Counts heard of, all gateways together; what is beyond is served by its own gateway alone. */
const countsMax = 65_536;
const departedMax = 64;

/**
 * Which gateway has how many members of each shared subscription, and so whose turn it is: a message goes to one member of all
 * gateways (MQTT 5 section 4.8.2). The gateway that routes it first decides; what others say may come late, twice or out of order.
 */
export class SharedMembersTable {
  /** Counts that had no room. */
  refused = 0;
  readonly #own = new Map<string, number>();
  readonly #groups = new Map<string, Group>();
  readonly #trie: FilterTrie<string, Group>;
  /** A count of a gateway that has left may still be on its way. */
  readonly #departed = new Set<string>();
  #counts = 0;

  constructor(options: { readonly levelsMax: number }) {
    this.#trie = new FilterTrie(options);
  }

  setOwn(subscription: string, members: number): void {
    if (members > 0) this.#own.set(subscription, members);
    else this.#own.delete(subscription);
  }

  own(): Iterable<readonly [subscription: string, members: number]> {
    return this.#own;
  }

  /** Throws `MqttError` for a filter that is beyond this gateway's limits. */
  hear({ node, version, subscription, members }: SharedMembers): void {
    if (this.#departed.has(node)) return;
    const group = this.#groups.get(subscription) ?? this.#newGroup(subscription);
    const known = group?.elsewhere.get(node);
    if (group === undefined || version <= (known?.version ?? 0)) return;
    if (known === undefined && this.#counts >= countsMax) {
      this.refused++;
      return;
    }
    if (known === undefined) this.#counts++;
    group.elsewhere.set(node, { version, members });
    this.#groups.set(subscription, group);
  }

  left(node: string): void {
    this.#departed.add(node);
    for (const oldest of this.#departed) {
      if (this.#departed.size <= departedMax) break;
      this.#departed.delete(oldest);
    }
    for (const group of this.#groups.values()) {
      if (group.elsewhere.delete(node)) this.#counts--;
      if (group.elsewhere.size === 0) this.#forget(group);
    }
  }

  /** Of every shared subscription that the topic matches and whose turn is elsewhere. */
  elsewhere(topic: string): readonly Share[] {
    if (this.#groups.size === 0) return [];
    const groups = this.#matching(topic);
    return groups.flatMap((group) => this.#turnOf(group, this.#own.get(group.subscription) ?? 0) ?? []);
  }

  /** Somebody elsewhere, for what no member here can have. */
  otherThan(share: { readonly subscription: string }): Share | undefined {
    const group = this.#groups.get(share.subscription);
    return group && this.#turnOf(group, 0);
  }

  /** The same, of the share of this name whose filter matches the topic. */
  otherNamed(shareName: string, topic: string): Share | undefined {
    for (const group of this.#matching(topic)) {
      const share = group.shareName === shareName ? this.#turnOf(group, 0) : undefined;
      if (share !== undefined) return share;
    }
    return undefined;
  }

  /** Every member has its turn: of 2 here and 1 there, one message in three goes there. */
  #turnOf(group: Group, own: number): Share | undefined {
    const { subscription, elsewhere } = group;
    const counts = [...elsewhere].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const total = counts.reduce((sum, [, { members }]) => sum + members, own);
    if (total === own) return undefined;
    let turn = group.turn++ % total;
    for (const [node, { members }] of counts) {
      if (turn < members) return { node, subscription };
      turn -= members;
    }
    return undefined;
  }

  #matching(topic: string): readonly Group[] {
    const groups: Group[] = [];
    this.#trie.match(topic.split('/'), groups);
    return groups;
  }

  #newGroup(subscription: string): Group | undefined {
    const shared = parseSharedFilter(subscription);
    if (shared === undefined || this.#groups.size >= countsMax) return undefined;
    const { shareName } = shared;
    const group: Group = { subscription, shareName, elsewhere: new Map(), turn: 0 };
    this.#trie.set(shared.filter, subscription, group);
    return group;
  }

  #forget({ subscription }: Group): void {
    const shared = parseSharedFilter(subscription);
    if (shared !== undefined) this.#trie.delete(shared.filter, subscription);
    this.#groups.delete(subscription);
  }
}
