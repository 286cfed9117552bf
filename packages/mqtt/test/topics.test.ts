import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FilterTrie, isTopicFilter, isTopicName, matchesFilter } from '../src/index.ts';
import { TopicTrie } from '../src/topics/topic-trie.ts';
import { TopicWalk } from '../src/topics/topic-walk.ts';

const level = fc.constantFrom('a', 'b', '', '$x', 'é');
const topic = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => [...levels, ...(all ? ['#'] : [])].join('/'));

/** The definition of section 4.7, as plainly as it can be written. */
function matches(topicName: string, topicFilter: string): boolean {
  const names = topicName.split('/');
  const filters = topicFilter.split('/');
  if (topicName.startsWith('$') && /^[+#]/.test(topicFilter)) return false;
  for (let at = 0; at < filters.length; at++) {
    if (filters[at] === '#') return true;
    if (at >= names.length) return false;
    if (filters[at] !== '+' && filters[at] !== names[at]) return false;
    if (at === names.length - 1 && filters[at + 1] === '#' && at + 2 === filters.length) return true;
  }
  return names.length === filters.length;
}

test('a single filter matches what the standard says', () => {
  fc.assert(
    fc.property(filter, topic, (one, name) => {
      expect(matchesFilter(one, name)).toBe(matches(name, one));
    }),
  );
});

describe('the filter trie', () => {
  test('finds exactly the filters that match, also after some are taken out again', () => {
    fc.assert(
      fc.property(fc.uniqueArray(filter, { maxLength: 12 }), topic, fc.nat(12), (filters, name, removed) => {
        const trie = new FilterTrie<number, string>({ levelsMax: 8 });
        for (const each of filters) trie.set(each, 1, each);
        for (const each of filters.slice(0, removed)) expect(trie.delete(each, 1)).toBe(each);
        const found: string[] = [];
        trie.match(name.split('/'), found);
        const kept = filters.slice(removed);
        expect(found.sort()).toEqual(kept.filter((each) => matches(name, each)).sort());
        expect(trie.matchesAny(name)).toBe(found.length > 0);
      }),
      { numRuns: 3000 },
    );
  });

  test('keeps nothing of filters that are taken out', () => {
    const trie = new FilterTrie<number, string>({ levelsMax: 8 });
    trie.set('a/+/c', 1, 'x');
    trie.set('a/#', 2, 'y');
    trie.delete('a/+/c', 1);
    trie.delete('a/#', 2);
    expect(trie.isEmpty).toBe(true);
  });

  test('refuses a filter deeper than its limit', () => {
    const trie = new FilterTrie<number, string>({ levelsMax: 2 });
    expect(() => trie.set('a/b/c', 1, 'x')).toThrow(expect.objectContaining({ code: 'mqtt.invalid_filter' }));
  });
});

describe('validation', () => {
  test.each(['a', '/', 'a//b', '+', '#', '+/#', '/+', 'a/+/b', '$share/g/a', '$share/g/#', '$shared'])(
    'takes the filter %j',
    (text) => expect(isTopicFilter(text)).toBe(true),
  );
  test.each([
    '',
    'a+',
    '+a',
    '#/a',
    'a#',
    'a/#/b',
    '++',
    '##',
    'a\0',
    '$share/',
    '$share/g',
    '$share/g/',
    '$share/+/a',
    '$share//a',
  ])('refuses the filter %j', (text) => expect(isTopicFilter(text)).toBe(false));
  test('takes a topic name without wildcards only', () => {
    expect(['a', '/', '$SYS/x', 'a/b'].every(isTopicName)).toBe(true);
    expect(['', 'a/+', '#', 'a\0', 'x'.repeat(65_536)].some(isTopicName)).toBe(false);
  });
});

describe('a walk over topics', () => {
  /** How many places there are in all of them: one for each beginning of a name up to a slash or its end. */
  const levelsOf = (names: readonly string[]): number => {
    const places = names.flatMap((name) =>
      name.split('/').map((_, depth, levels) => levels.slice(0, depth + 1).join('/')),
    );
    return new Set(places).size;
  };

  const walked = (trie: TopicTrie<string>, topicFilter: string): readonly string[] => {
    const walk = new TopicWalk(trie, topicFilter);
    const found: string[] = [];
    while (!walk.isDone) {
      const value = walk.step();
      if (value !== undefined) found.push(value);
    }
    return found.sort();
  };

  test('finds exactly the topics that a filter matches, also after some are taken out again', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topic, { maxLength: 12 }), filter, fc.nat(12), (names, wanted, removed) => {
        const trie = new TopicTrie<string>();
        for (const name of names) trie.set(name.split('/'), name);
        for (const name of names.slice(0, removed)) expect(trie.delete(name.split('/'))).toBe(name);
        const kept = names.slice(removed);
        expect(trie.nodes).toBe(levelsOf(kept));
        for (const name of names)
          expect(trie.missing(name.split('/'))).toBe(levelsOf([...kept, name]) - levelsOf(kept));
        expect(walked(trie, wanted)).toEqual(kept.filter((name) => matches(name, wanted)).sort());
        for (const name of kept) trie.delete(name.split('/'));
        expect(trie.isEmpty).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test('ends while topics come and go under it', () => {
    const trie = new TopicTrie<string>();
    for (const name of ['a/1', 'a/2', 'b/1']) trie.set(name.split('/'), name);
    const walk = new TopicWalk(trie, '#');
    walk.step();
    for (const name of ['a/1', 'a/2', 'b/1']) trie.delete(name.split('/'));
    let steps = 0;
    for (; !walk.isDone; steps++) walk.step();
    expect(steps).toBeLessThan(10);
  });

  test('meets all that stays, whatever comes and goes before and behind it', () => {
    const step = fc.record({ name: topic, isGone: fc.boolean() });
    const turns = fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 12 });
    fc.assert(
      fc.property(fc.uniqueArray(topic, { maxLength: 12 }), filter, turns, (staying, wanted, churn) => {
        const trie = new TopicTrie<string>();
        for (const name of staying) trie.set(name.split('/'), name);
        const walk = new TopicWalk(trie, wanted);
        const found = new Set<string>();
        for (const turn of churn) {
          for (const { name, isGone } of turn) {
            if (staying.includes(name)) continue;
            if (isGone) trie.delete(name.split('/'));
            else trie.set(name.split('/'), name);
          }
          found.add(walk.step() ?? '');
        }
        while (!walk.isDone) found.add(walk.step() ?? '');
        expect([...found]).toEqual(expect.arrayContaining(staying.filter((name) => matches(name, wanted))));
      }),
      { numRuns: 2000 },
    );
  });

  test('that stands still keeps nothing of the topics that come and go meanwhile', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const trie = new TopicTrie<string>();
    trie.set(['stays'], 'stays');
    const walk = new TopicWalk(trie, '#');
    walk.step();
    const nodes: WeakRef<object>[] = [];
    for (let round = 0; round < 10; round++) {
      const names = Array.from({ length: 100 }, (_, index) => `${round}-${index}`);
      for (const name of names) trie.set([name], name);
      nodes.push(...names.map((name) => new WeakRef(trie.root.children?.get(name) as object)));
      for (const name of names) trie.delete([name]);
    }
    await setImmediate(); // a WeakRef holds what it is made of until the turn ends
    collectGarbage();
    expect(nodes.filter((node) => node.deref() !== undefined)).toEqual([]);
    expect(walk.isDone).toBe(false);
  });
});
