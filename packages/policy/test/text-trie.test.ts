import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextTrie } from '../src/text-trie.ts';

// More characters than a node looks through one by one.
const unit = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', '/', '😀');
const text = fc.string({ unit, maxLength: 4 });

function walk(leads: readonly string[], name: string): readonly string[] {
  const trie = new TextTrie<string>();
  for (const lead of leads) trie.add(lead, lead);
  const met: string[] = [];
  for (let node: TextTrie<string> | undefined = trie; node !== undefined; node = node.next(name))
    met.push(...node.items);
  return met;
}

it('a walk meets every text that the name begins with, the shortest first', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 40 }), text, (leads, name) => {
      const met = walk(leads, name);
      const expected = leads.filter((lead) => name.startsWith(lead)).sort((a, b) => a.length - b.length);
      expect(met.filter((lead) => name.startsWith(lead))).toEqual(expected);
    }),
    { numRuns: 3000 },
  );
});

it('a walk meets texts of one path only', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 40 }), text, (leads, name) => {
      const met = walk(leads, name);
      const longest = met.at(-1) ?? '';
      expect(met.every((lead) => longest.startsWith(lead))).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
