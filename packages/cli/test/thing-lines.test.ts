import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csvFields } from '../src/csv.ts';
import { type ExportedThing, thingFormatters } from '../src/nouns/format-thing-line.ts';
import {
  parseCsvHeader,
  parseCsvLine,
  parseJsonThing,
  thingLineBytesMax,
} from '../src/nouns/parse-thing-line.ts';
import { readThingLines } from '../src/nouns/thing-lines.ts';
import type { Terminal } from '../src/terminal.ts';

const csv = (header: string, line: string) => parseCsvLine(line, parseCsvHeader(header) ?? []);

describe('a line of CSV', () => {
  test('is what its columns say, and an empty field says nothing', () => {
    expect(
      csv('name,type,state,groups,attribute.site,tag.a,tags', 'lamp,,active, a  b ,"say ""hi"", you",, '),
    ).toEqual({ fault: expect.stringContaining('`tags` is not a JSON object') });
    expect(
      csv('name,type,state,groups,attribute.site,tag.a', 'lamp,,active, a  b ,"say ""hi"", you",\r'),
    ).toEqual({
      thingName: 'lamp',
      lifecycleState: 'active',
      groupNames: ['a', 'b'],
      attributes: { site: 'say "hi", you' },
    });
    expect(csv('attributes,name', '"{""a"":"" =1+1,"",""b"":""""}",lamp')).toEqual({
      thingName: 'lamp',
      attributes: { a: ' =1+1,', b: '' },
    });
  });

  test('keeps every character of a value, an apostrophe too, and takes away the one that guards a name', () => {
    expect(csv('name,type,groups,attribute.a', "'-1,'-2,'-3 b,'=x")).toEqual({
      thingName: '-1',
      typeName: '-2',
      groupNames: ['-3', 'b'],
      attributes: { a: "'=x" },
    });
  });

  test.each([
    ['name', 'a,b', 'not 1 fields'],
    ['name,attribute.a', 'a,"b', 'not 2 fields'],
    ['name,type', ',b', 'it has no name'],
    ['name,state', 'a,gone', 'the state is one of manufactured'],
    ['name,attributes', 'a,"{""a"":1}"', 'objects of texts'],
    ['name,attributes', 'a,"{""a"":""1"",""a"":""2""}"', 'not a JSON object'],
    ['name,attributes,attribute.a', 'a,"{""a"":""1""}",1', 'given by two columns'],
  ])('under %j is refused where it is %j', (header, line, fault) => {
    expect(csv(header, line)).toEqual({ fault: expect.stringContaining(fault) });
  });

  test.each(['type', 'name,name', 'name,colour', 'name,attribute.', 'name,"type', ''])(
    'is under no header where that is %j',
    (header) => {
      expect(parseCsvHeader(header)).toBeUndefined();
    },
  );
});

test.each([
  ['[]', 'not a JSON object'],
  ['{"thingName":"a"', 'not a JSON object'],
  ['{"thingName":"a","thingName":"b"}', 'not a JSON object'],
  ['{"name":"a"}', 'there is no field `name`'],
  ['{"typeName":"a"}', 'it has no name'],
  ['{"thingName":"a","typeName":null}', 'the type is not text'],
  ['{"thingName":"a","tags":{"a":null}}', 'objects of texts'],
  ['{"thingName":"a","groupNames":"b"}', 'not a list of names'],
  ['{"thingName":"a","lifecycleState":"gone"}', 'the state is one of'],
  [JSON.stringify({ thingName: 'a', tags: { a: 'x'.repeat(131_072) } }), 'it says more than 131072 bytes'],
])('a line of JSON that is %j is refused', (line, fault) => {
  expect(parseJsonThing(line)).toEqual({ fault: expect.stringContaining(fault) });
});

describe('what is exported', () => {
  const text = (lengthMax: number) =>
    fc
      .string({
        unit: fc.oneof(
          fc.constantFrom(...'",=+-@\'{}\\\u2028\ufeff\u061c '),
          fc.string({ minLength: 1, unit: 'binary' }),
        ),
        maxLength: lengthMax,
      })
      .filter((value) => value.isWellFormed() && !/\p{Cc}/u.test(value));
  const name = fc.stringMatching(/^[a-zA-Z0-9:_-]{1,16}$/);
  /** The platform's JSON has no `__proto__`, so no thing has one. */
  const key = fc.stringMatching(/^[a-zA-Z0-9_.,@/:#=[\]-]{1,16}$/).filter((made) => made !== '__proto__');
  const texts = fc.dictionary(key, text(20), { noNullPrototype: true });
  const thing = fc.record(
    {
      thingName: name,
      typeName: name,
      lifecycleState: fc.constantFrom('manufactured', 'active', 'quarantined', 'retired'),
      groupNames: fc.uniqueArray(name, { maxLength: 4 }),
      attributes: texts,
      tags: texts,
    },
    { requiredKeys: ['thingName', 'lifecycleState', 'groupNames', 'attributes', 'tags'] },
  );

  test('as CSV says the same when it is read', () => {
    const { header, line } = thingFormatters.csv;
    const columns = parseCsvHeader(header.trimEnd()) ?? [];
    fc.assert(
      fc.property(thing, (exported) => {
        expect(line(exported)).toMatch(/^[^\n\u2028]*\n$/);
        expect(parseCsvLine(line(exported).slice(0, -1), columns)).toEqual(withoutNothing(exported));
      }),
    );
  });

  test('as JSON lines says the same when it is read', () => {
    fc.assert(
      fc.property(thing, (exported) => {
        expect(parseJsonThing(thingFormatters.jsonl.line(exported))).toEqual(exported);
      }),
    );
  });

  test('as CSV has no cell that a spreadsheet takes for a formula', () => {
    fc.assert(
      fc.property(thing, (exported) => {
        const cells = csvFields(thingFormatters.csv.line(exported).slice(0, -1)) ?? [];
        for (const cell of cells) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
      }),
    );
  });

  /** An empty cell says nothing, which an import takes for no change. */
  function withoutNothing(exported: ExportedThing) {
    return Object.fromEntries(Object.entries(exported).filter(([, value]) => Object.keys(value).length > 0));
  }
});

describe('a file', () => {
  let folder: TemporaryFolder;
  beforeAll(() => {
    folder = temporaryFolder();
  });
  afterAll(() => folder.remove());

  async function read(content: string | Buffer, format: 'csv' | 'jsonl' = 'csv') {
    const file = join(folder.path, `things.${format}`);
    writeFileSync(file, content);
    const lines = [];
    const given = { format, terminal: {} as Terminal, header: () => undefined };
    for await (const { line, thing } of readThingLines(file, given)) lines.push({ line, thing });
    return lines;
  }

  test('may begin with a byte order mark, and no other line of it may', async () => {
    expect(await read('\ufeffname\r\na\r\n')).toEqual([{ line: 2, thing: { thingName: 'a' } }]);
    expect(await read('\ufeff{"thingName":"a"}\n\ufeff{"thingName":"b"}', 'jsonl')).toEqual([
      { line: 1, thing: { thingName: 'a' } },
      { line: 2, thing: { fault: 'not a JSON object' } },
    ]);
    expect(await read('name,type\n\ufeffa,b\n')).toMatchObject([{ thing: { thingName: '\ufeffa' } }]);
  });

  test('is told line by line, as an editor counts them, and a wrong line is no trouble to the next', async () => {
    const wrong = Buffer.concat([Buffer.from('name\n\na\n'), Buffer.from([0xff]), Buffer.from('\na\nb')]);
    expect(await read(wrong)).toEqual([
      { line: 3, thing: { thingName: 'a' } },
      { line: 4, thing: { fault: 'it is not UTF-8' } },
      { line: 5, thing: { fault: 'line 3 has the same name' } },
      { line: 6, thing: { thingName: 'b' } },
    ]);
    expect(await read(`name\n${'x'.repeat(thingLineBytesMax + 1)}\nb`)).toEqual([
      { line: 2, thing: { fault: `it has more than ${thingLineBytesMax} bytes` } },
      { line: 3, thing: { thingName: 'b' } },
    ]);
  });

  test.each(['', '\n\n', 'colour\na', `${'x'.repeat(thingLineBytesMax + 1)}\na`])(
    'of CSV without a header is refused as a whole',
    async (content) => {
      await expect(read(content)).rejects.toMatchObject({ code: 'cli.usage' });
    },
  );

  test('of JSON lines may be empty', async () => {
    expect(await read('', 'jsonl')).toEqual([]);
  });
});
