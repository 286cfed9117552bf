import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextTrie } from '../src/text-trie.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '😀'), maxLength: 6 });

it('a walk meets exactly the texts that the name begins with, the shortest first', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 12 }), text, (leads, name) => {
      const trie = new TextTrie<string>();
      for (const lead of leads) trie.add(lead, lead);
      const met: string[] = [];
      for (let node: TextTrie<string> | undefined = trie; node !== undefined; node = node.next(name))
        met.push(...node.items);
      const expected = leads.filter((lead) => name.startsWith(lead)).sort((a, b) => a.length - b.length);
      expect(met).toEqual(expected);
    }),
    { numRuns: 3000 },
  );
});
