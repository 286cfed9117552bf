import { Siblings } from './siblings.ts';

/** A level of topic names; a value where a topic ends. */
export interface TopicNode<Value> {
  readonly level: string;
  readonly ordinal: number;
  readonly parent: TopicNode<Value> | undefined;
  children: Siblings<TopicNode<Value>> | undefined;
  value: Value | undefined;
}

/** Topic names to values. What a filter matches among them is found with a `TopicWalk`. */
export class TopicTrie<Value> {
  readonly root: TopicNode<Value> = newNode<Value>('', 0, undefined);
  #nodes = 0;

  /** How many there are below the root. */
  get nodes(): number {
    return this.#nodes;
  }

  /** How many more there would be with this topic. */
  missing(levels: readonly string[]): number {
    let node: TopicNode<Value> | undefined = this.root;
    for (let depth = 0; depth < levels.length; depth++) {
      node = node.children?.get(levels[depth]!);
      if (node === undefined) return levels.length - depth;
    }
    return 0;
  }

  /** Returns the value it replaces. */
  set(levels: readonly string[], value: Value): Value | undefined {
    let node = this.root;
    for (const level of levels) node = this.#childOf(node, level);
    const previous = node.value;
    node.value = value;
    return previous;
  }

  get(levels: readonly string[]): Value | undefined {
    return this.#find(levels)?.value;
  }

  /** Returns the value that was there, and forgets the nodes that nothing needs any more. */
  delete(levels: readonly string[]): Value | undefined {
    const node = this.#find(levels);
    const previous = node?.value;
    if (node === undefined || previous === undefined) return undefined;
    node.value = undefined;
    this.#prune(node);
    return previous;
  }

  get isEmpty(): boolean {
    return this.root.children === undefined;
  }

  #find(levels: readonly string[]): TopicNode<Value> | undefined {
    let node: TopicNode<Value> | undefined = this.root;
    for (const level of levels) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node;
  }

  #childOf(node: TopicNode<Value>, level: string): TopicNode<Value> {
    node.children ??= new Siblings();
    const known = node.children.get(level);
    if (known !== undefined) return known;
    this.#nodes++;
    return node.children.add((ordinal) => newNode(level, ordinal, node));
  }

  #prune(from: TopicNode<Value>): void {
    let node = from;
    while (node.parent !== undefined && node.value === undefined && node.children === undefined) {
      const parent = node.parent;
      parent.children?.delete(node);
      if (parent.children?.size === 0) parent.children = undefined;
      this.#nodes--;
      node = parent;
    }
  }
}

function newNode<Value>(
  level: string,
  ordinal: number,
  parent: TopicNode<Value> | undefined,
): TopicNode<Value> {
  return { level, ordinal, parent, children: undefined, value: undefined };
}
