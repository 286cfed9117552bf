import type { ResourceType } from '../actions.ts';
import { TRAIT } from '../language/symbols.ts';
import type { Node, SearchOptions } from './search-node.ts';

/** Keeps to names that the protocol allows for that type of resource. */
export function nextName(
  { name }: Node,
  traits: number,
  { type, nameMayContain }: SearchOptions,
): Node['name'] | undefined {
  if (nameMayContain !== undefined && !nameMayContain(traits)) return undefined;
  const is = (trait: number) => (traits & trait) !== 0;
  switch (type) {
    case 'topic':
      return is(TRAIT.plus) || is(TRAIT.hash) ? undefined : 'begun';
    case 'client':
      return is(TRAIT.control) || (name === 'empty' && is(TRAIT.dollar)) ? undefined : 'begun';
    case 'thing':
      if (is(TRAIT.thing)) return name === 'levelStart' || name === 'second' ? 'second' : 'begun';
      // The thing's name, then perhaps a shadow's.
      return is(TRAIT.slash) && name === 'begun' ? 'levelStart' : undefined;
    case 'topicfilter':
      return nextFilter(name, is);
    case 'none':
      return undefined;
  }
}

function nextFilter(name: Node['name'], is: (trait: number) => boolean): Node['name'] | undefined {
  if (name === 'hash') return undefined;
  if (is(TRAIT.slash)) return 'levelStart';
  if (name === 'plus') return undefined;
  const isAtStart = name === 'empty' || name === 'levelStart';
  if (is(TRAIT.plus)) return isAtStart ? 'plus' : undefined;
  if (is(TRAIT.hash)) return isAtStart ? 'hash' : undefined;
  return 'begun';
}

export function isWhole({ name }: Node, type: ResourceType): boolean {
  if (type === 'none') return true;
  if (type === 'thing') return name === 'begun' || name === 'second';
  return name !== 'empty';
}
