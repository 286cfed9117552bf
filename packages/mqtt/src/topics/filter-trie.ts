import { MqttError } from '../errors.ts';
import { REASON } from '../reason-codes.ts';
import { countLevels } from './names.ts';

interface Node<Key, Value> {
  readonly level: string;
  readonly parent: Node<Key, Value> | undefined;
  children: Map<string, Node<Key, Value>> | undefined;
  values: Map<Key, Value> | undefined;
}

/**
 * Topic filters to values, one value a filter and key (a session). `match` visits only nodes whose filter can match, each
 * at most once, and recurses no deeper than `levelsMax`.
 */
export class FilterTrie<Key, Value> {
  readonly #root: Node<Key, Value> = newNode('', undefined);
  readonly #levelsMax: number;

  constructor(options: { readonly levelsMax: number }) {
    this.#levelsMax = options.levelsMax;
  }

  /** The filter must be valid (`isTopicFilter`). Returns the value it replaces. */
  set(filter: string, key: Key, value: Value): Value | undefined {
    if (countLevels(filter) > this.#levelsMax)
      throw new MqttError('mqtt.invalid_filter', `the filter has more than ${this.#levelsMax} levels`, {
        reasonCode: REASON.topicFilterInvalid,
      });
    let node = this.#root;
    for (const level of filter.split('/')) node = childOf(node, level);
    node.values ??= new Map();
    const previous = node.values.get(key);
    node.values.set(key, value);
    return previous;
  }

  /** Returns the value that was there, and forgets the nodes that nothing needs any more. */
  delete(filter: string, key: Key): Value | undefined {
    let node: Node<Key, Value> | undefined = this.#root;
    for (const level of filter.split('/')) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    const previous = node.values?.get(key);
    if (node.values?.delete(key) === true && node.values.size === 0) node.values = undefined;
    prune(node);
    return previous;
  }

  /** Appends to `into` the values of every filter that matches the topic's levels (section 4.7). */
  match(levels: readonly string[], into: Value[]): void {
    const hidden = levels[0]?.startsWith('$') === true; // MQTT-4.7.2-1
    collect(this.#root, levels, { depth: 0, hidden, into });
  }

  /** Whether any filter matches the topic. */
  matchesAny(topic: string): boolean {
    return isReached(this.#root, topic, 0);
  }

  get isEmpty(): boolean {
    return this.#root.children === undefined;
  }
}

interface Walk<Value> {
  readonly depth: number;
  readonly hidden: boolean;
  readonly into: Value[];
}

function collect<Key, Value>(node: Node<Key, Value>, levels: readonly string[], walk: Walk<Value>): void {
  const { depth, hidden, into } = walk;
  const children = node.children;
  if (depth === levels.length) append(node, into);
  if (children === undefined) return;
  const wildcards = depth > 0 || !hidden;
  const rest = wildcards ? children.get('#') : undefined; // also matches the parent level, section 4.7.1.2
  if (rest !== undefined) append(rest, into);
  if (depth === levels.length) return;
  const next = { depth: depth + 1, hidden, into };
  const exact = children.get(levels[depth]!);
  if (exact !== undefined) collect(exact, levels, next);
  const single = wildcards ? children.get('+') : undefined;
  if (single !== undefined) collect(single, levels, next);
}

/** As `collect`, until the first; levels are cut off only as far as there are filters of them. `start`: of the next level. */
function isReached<Key, Value>(
  { values, children }: Node<Key, Value>,
  topic: string,
  start: number,
): boolean {
  const isLast = start > topic.length;
  if (isLast && values !== undefined) return true;
  if (children === undefined) return false;
  const wildcards = start > 0 || !topic.startsWith('$');
  if (wildcards && children.has('#')) return true;
  if (isLast) return false;
  const slash = topic.indexOf('/', start);
  const end = slash < 0 ? topic.length : slash;
  const exact = children.get(topic.slice(start, end));
  if (exact !== undefined && isReached(exact, topic, end + 1)) return true;
  const single = wildcards ? children.get('+') : undefined;
  return single !== undefined && isReached(single, topic, end + 1);
}

function append<Key, Value>(node: Node<Key, Value>, into: Value[]): void {
  if (node.values !== undefined) for (const value of node.values.values()) into.push(value);
}

function newNode<Key, Value>(level: string, parent: Node<Key, Value> | undefined): Node<Key, Value> {
  return { level, parent, children: undefined, values: undefined };
}

function childOf<Key, Value>(node: Node<Key, Value>, level: string): Node<Key, Value> {
  node.children ??= new Map();
  let child = node.children.get(level);
  if (child === undefined) {
    child = newNode(level, node);
    node.children.set(level, child);
  }
  return child;
}

function prune<Key, Value>(from: Node<Key, Value>): void {
  let node = from;
  while (node.parent !== undefined && node.values === undefined && node.children === undefined) {
    const parent = node.parent;
    parent.children?.delete(node.level);
    if (parent.children?.size === 0) parent.children = undefined;
    node = parent;
  }
}
