import type { TopicNode, TopicTrie } from './topic-trie.ts';

/** The children of one node that are still to be visited, and how many levels of the filter are behind them. */
interface Frame<Value> {
  readonly nodes: Iterator<TopicNode<Value>>;
  /** Equal to the number of levels of the filter before its `#`: everything below matches. */
  readonly depth: number;
}

/**
 * The values of all topics that a filter matches (section 4.7), a node a step, so that whoever walks may stop after as many as
 * a turn has time for. The trie may change between steps: what is added or removed meanwhile may or may not be met.
 */
export class TopicWalk<Value> {
  readonly #levels: readonly string[];
  /** How many levels stand before a `#`, or all of them. */
  readonly #fixed: number;
  readonly #hasRest: boolean;
  readonly #stack: Frame<Value>[] = [];

  constructor(trie: TopicTrie<Value>, filter: string) {
    this.#levels = filter.split('/');
    this.#hasRest = this.#levels.at(-1) === '#';
    this.#fixed = this.#hasRest ? this.#levels.length - 1 : this.#levels.length;
    this.#descend(trie.root, 0);
  }

  get isDone(): boolean {
    return this.#stack.length === 0;
  }

  /** Visits one node; returns its value when the filter matches there. */
  step(): Value | undefined {
    const frame = this.#stack.at(-1);
    if (frame === undefined) return undefined;
    const next = frame.nodes.next();
    if (next.done === true) {
      this.#stack.pop();
      return undefined;
    }
    const node = next.value;
    if (frame.depth === 0 && this.#isHidden(node)) return undefined;
    const depth = Math.min(frame.depth + 1, this.#fixed);
    this.#descend(node, depth);
    return depth === this.#fixed ? node.value : undefined; // `a/#` also matches `a`, section 4.7.1.2
  }

  /** A leading wildcard does not match a leading `$` (MQTT-4.7.2-1). */
  #isHidden(node: TopicNode<Value>): boolean {
    const first = this.#levels[0];
    return (
      (first === '+' || first === '#') && node.parent?.parent === undefined && node.level.startsWith('$')
    );
  }

  #descend({ children }: TopicNode<Value>, depth: number): void {
    if (children === undefined) return;
    if (depth === this.#fixed && !this.#hasRest) return;
    const level = depth === this.#fixed ? '+' : this.#levels[depth]!;
    if (level === '+') {
      this.#stack.push({ nodes: children.values(), depth });
      return;
    }
    const child = children.get(level);
    if (child !== undefined) this.#stack.push({ nodes: [child].values(), depth });
  }
}
