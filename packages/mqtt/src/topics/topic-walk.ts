import type { Siblings } from './siblings.ts';
import type { TopicNode, TopicTrie } from './topic-trie.ts';

/** Where the walk stands among the children of one node, and how many levels of the filter are behind them. */
interface Frame<Value> {
  readonly siblings: Siblings<TopicNode<Value>>;
  /** The only one to visit; undefined: all. */
  readonly level: string | undefined;
  /** The ordinal of the last one visited; 0: none yet. */
  visited: number;
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
    const node = nextOf(frame);
    if (node === undefined) {
      this.#stack.pop();
      return undefined;
    }
    frame.visited = node.ordinal;
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
    if (level === '+') this.#stack.push({ siblings: children, level: undefined, visited: 0, depth });
    else if (children.get(level) !== undefined)
      this.#stack.push({ siblings: children, level, visited: 0, depth });
  }
}

function nextOf<Value>({ siblings, level, visited }: Frame<Value>): TopicNode<Value> | undefined {
  if (level === undefined) return siblings.after(visited);
  return visited === 0 ? siblings.get(level) : undefined;
}
