import { expect, test } from 'vitest';
import { parseQuery } from '../../src/search/query/parse-query.ts';
import { printQuery } from '../../src/search/query/print-query.ts';

const limits = { queryLengthMax: 60, queryTermsMax: 4, queryDepthMax: 3 };
const read = (text: string) => printQuery(parseQuery(text, limits));

test.for([
  ['a:1 or b:2 and not c:3', 'a:1 or (b:2 and not c:3)'],
  ['NOT a:1 AND b:2', 'not a:1 and b:2'],
  ['((a:1)) or (b:2 or c:3)', 'a:1 or (b:2 or c:3)'],
  ['name:urn:dev:7 and fw>="2 \\"x\\\\"', 'name:urn:dev:7 and fw>="2 \\"x\\\\"'],
  ['"attribute.a:b":and', '"attribute.a:b":and'],
] as const)('`%s` is read as `%s`', ([text, meaning]) => {
  expect(read(text)).toBe(meaning);
});

test.for([
  ['', 1, 'a condition is missing'],
  ['a:1 b:2', 5, 'stands `and` or `or`'],
  ['a:1 and', 8, 'a condition is missing'],
  ['a:1 and or', 9, 'a condition is missing'],
  ['a', 2, 'after `a` stands'],
  ['a:', 3, 'the value of `a` is missing'],
  ['a:(b)', 3, 'the value of `a` is missing'],
  ['(a:1', 1, 'not closed'],
  ['a:1)', 4, 'closes nothing'],
  ['a:"b', 3, 'has no end'],
  ['a:b\\', 4, 'only stand in quotes'],
  ['a:1 or a:1 or a:1 or a:1 or a:1', 29, '`search.queryTermsMax`'],
  ['not not not not a:1', 17, '`search.queryDepthMax`'],
  [`a:${'x'.repeat(60)}`, 61, '`search.queryLengthMax`'],
] as const)('`%s` is refused at %d: %s', ([text, position, why]) => {
  let error: unknown;
  try {
    read(text);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'search.query_invalid', details: { position } });
  expect((error as Error).message).toContain(why);
});
