import { FilterTrie, parseSharedFilter } from '@fleetward/mqtt';
import type { Share, SharedMembers } from './bus.ts';

/** One shared subscription with members at other gateways. */
interface Group {
  readonly subscription: string;
  readonly shareName: string;
  /** By node; more than 0 members each, else the node is not here. */
  readonly elsewhere: Map<string, { readonly version: number; readonly members: number }>;
  /** Whose turn it is, over the members of all gateways. */
  turn: number;
}

/** Counts heard of, all gateways together; what is beyond is served by its own gateway alone. */
const countsMax = 65_536;
const departedMax = 64;
/** A share without members costs no message anything; an older count of it may be on its way for as long as so many others end. */
const endedMax = 4_096;

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
  /** Versions with which a node told of no more members, the latest last. */
  readonly #ended = new Map<string, number>();
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
  hear(heard: SharedMembers): void {
    const { node, version, members } = heard;
    if (this.#departed.has(node) || version <= this.#versionOf(heard)) return;
    if (members === 0) this.#end(heard);
    else if (this.#hasRoomFor(heard)) this.#count(heard);
    else this.refused++;
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

  /** What is known of the share at that node; 0: nothing. */
  #versionOf(share: Share): number {
    const { version } = this.#groups.get(share.subscription)?.elsewhere.get(share.node) ?? {};
    return version ?? this.#ended.get(keyOf(share)) ?? 0;
  }

  #hasRoomFor({ node, subscription }: Share): boolean {
    return this.#counts < countsMax || this.#groups.get(subscription)?.elsewhere.has(node) === true;
  }

  #end(heard: SharedMembers): void {
    const { node, version, subscription } = heard;
    const key = keyOf(heard);
    this.#ended.delete(key);
    this.#ended.set(key, version);
    if (this.#ended.size > endedMax) this.#ended.delete(this.#ended.keys().next().value ?? '');
    const group = this.#groups.get(subscription);
    if (group?.elsewhere.delete(node) !== true) return;
    this.#counts--;
    if (group.elsewhere.size === 0) this.#forget(group);
  }

  #count(heard: SharedMembers): void {
    const { node, version, subscription, members } = heard;
    const group = this.#groups.get(subscription) ?? this.#newGroup(subscription);
    if (group === undefined) return;
    this.#ended.delete(keyOf(heard));
    if (!group.elsewhere.has(node)) this.#counts++;
    group.elsewhere.set(node, { version, members });
  }

  #newGroup(subscription: string): Group | undefined {
    const shared = parseSharedFilter(subscription);
    if (shared === undefined) return undefined;
    const { shareName, filter } = shared;
    const group: Group = { subscription, shareName, elsewhere: new Map(), turn: 0 };
    this.#trie.set(filter, subscription, group);
    this.#groups.set(subscription, group);
    return group;
  }

  #forget({ subscription }: Group): void {
    const shared = parseSharedFilter(subscription);
    if (shared !== undefined) this.#trie.delete(shared.filter, subscription);
    this.#groups.delete(subscription);
  }
}

function keyOf({ node, subscription }: Share): string {
  return `${node} ${subscription}`;
}
