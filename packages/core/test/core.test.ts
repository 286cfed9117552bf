import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalJson,
  fromBase64,
  fromHex,
  parseClientId,
  parseStrictJson,
  parseThingName,
  toBase64,
  toHex,
} from '../src/index.ts';

const limits = { bytesMax: 10_000, depthMax: 8 };

function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((count, item) => count + countValues(item), 1);
}

describe('strict JSON', () => {
  test('reads what JSON.parse reads, for any value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('"__proto__"'));
        expect(parseStrictJson(text, { bytesMax: 1_000_000, depthMax: 32 })).toEqual(JSON.parse(text));
      }),
    );
  });

  test('tells where each value stands, by its path', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.nat(2), (value, indent) => {
        const text = ` ${JSON.stringify(value, undefined, indent)}\n`;
        fc.pre(!text.includes('"__proto__"'));
        const places: string[] = [];
        parseStrictJson(text, {
          bytesMax: 1_000_000,
          depthMax: 32,
          onValue: (path, { start, end }) =>
            places.push(`${path} ${JSON.stringify(JSON.parse(text.slice(start, end)))}`),
        });
        expect(places).toHaveLength(countValues(value));
        expect(places.at(-1)).toBe(`$ ${JSON.stringify(JSON.parse(text))}`);
      }),
    );
    const paths: string[] = [];
    parseStrictJson('{"a":[1,{"b c":2}]}', { ...limits, onValue: (path) => paths.push(path) });
    expect(paths).toEqual(['$.a[0]', '$.a[1]["b c"]', '$.a[1]', '$.a', '$']);
  });

  test('accepts nothing that JSON.parse refuses', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\ 01-.eEtrufalsn\n') }), (text) => {
        let accepted = true;
        try {
          parseStrictJson(text, limits);
        } catch {
          accepted = false;
        }
        if (accepted) JSON.parse(text);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['{"a":1,"a":2}', '$'],
    ['{"a":{"b":1,"b":2}}', '$.a'],
    ['[1,[2,{"x":}]]', '$[1][1].x'],
    [`${'['.repeat(9)}${']'.repeat(9)}`, '$[0][0][0][0][0][0][0][0]'],
    ['{"__proto__":1}', '$'],
    ['{"a":[-1e400]}', '$.a[0]'],
    ['', '$'],
    ['{} x', '$'],
  ])('refuses `%s` and names the path', (text, path) => {
    expect(() => parseStrictJson(text, limits)).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ path }) }),
    );
  });

  test('counts every value, containers included, and stops at the first that is too many', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('"__proto__"'));
        const valuesMax = countValues(JSON.parse(text));
        const wide = { bytesMax: 1_000_000, depthMax: 32 };
        expect(parseStrictJson(text, { ...wide, valuesMax })).toEqual(JSON.parse(text));
        expect(() => parseStrictJson(text, { ...wide, valuesMax: valuesMax - 1 })).toThrow('values');
      }),
    );
  });

  test('refuses millions of tiny values by default', () => {
    const tiny = `[${'[],'.repeat(1_000_000)}[]]`;
    expect(() => parseStrictJson(tiny, { bytesMax: tiny.length, depthMax: 2 })).toThrow(
      'more than 200000 values (at `$[199999]`)',
    );
  });

  test('reads a string of many megabytes, escapes included', () => {
    const text = 'x\\"'.repeat(6_000_000);
    expect(parseStrictJson(JSON.stringify(text), { bytesMax: 100_000_000, depthMax: 2 })).toBe(text);
    expect(() =>
      parseStrictJson(`"${'\\\\'.repeat(1_000_000)}\\"`, { bytesMax: 10_000_000, depthMax: 2 }),
    ).toThrow('not closed');
  });

  test('refuses a document above its size before reading it', () => {
    expect(() => parseStrictJson(`"${'x'.repeat(20_000)}"`, limits)).toThrow('at most 10000');
  });
});

test('canonical JSON sorts keys and is stable for any order of members', () => {
  expect(canonicalJson({ b: [1, { z: null, a: 'é' }], a: true })).toBe(
    '{"a":true,"b":[1,{"a":"é","z":null}]}',
  );
  expect(() => canonicalJson(Number.NaN)).toThrow('not finite');
});

test('hex and base64 round trip, and refuse what is not canonical', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    }),
  );
  for (const bad of ['abc', 'zz']) expect(() => fromHex(bad)).toThrow('not hexadecimal');
  for (const bad of ['YQ', 'YQ=', 'YR==', 'Y Q==']) expect(() => fromBase64(bad)).toThrow('not base64');
});

test('ids refuse what AWS IoT refuses', () => {
  expect(parseThingName('my_iot_device')).toBe('my_iot_device');
  for (const bad of ['', 'a/b', 'a b', 'x'.repeat(129), 7])
    expect(() => parseThingName(bad)).toThrow('thing name');
  for (const bad of ['', '$aws', 'a\u0000', 'é'.repeat(65)])
    expect(() => parseClientId(bad)).toThrow('client id');
});
