import { encodeCbor } from '@fleetward/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blocksOf, readDescribe, readGet, StreamRefusal } from '../../src/streams/request.ts';

const json = (value: object) => Buffer.from(JSON.stringify(value));
const bounds = { offset: 0, count: undefined, bitmap: undefined, blockBytes: 4_096 };

function codeOf(value: object): string | undefined {
  try {
    readGet(json(value), 'json');
    return undefined;
  } catch (error) {
    return error instanceof StreamRefusal ? error.code : String(error);
  }
}

describe('a request for blocks', () => {
  test('has a client token of at most 64 bytes, as it comes back with each block', () => {
    for (const read of [readGet, readDescribe])
      expect(() => read(json({ c: 'x'.repeat(65), f: 0, l: 256 }), 'json')).toThrow('at most 64 bytes');
  });

  test('says the same in JSON and in CBOR, where the bitmap is bytes', () => {
    const said = { c: 'a', s: 1, f: 0, l: 4_096, o: 2, n: 7 };
    const expected = {
      clientToken: 'a',
      version: 1,
      fileId: 0,
      blockBytes: 4_096,
      offset: 2,
      count: 7,
      bitmap: Buffer.from([0x0e, 0x80]),
    };
    expect(readGet(json({ ...said, b: '0e80' }), 'json')).toEqual(expected);
    expect(readGet(encodeCbor({ ...said, b: Uint8Array.of(0x0e, 0x80) }), 'cbor')).toEqual(expected);
  });

  test.each([
    ['InvalidRequest', { f: 0 }],
    ['InvalidRequest', { l: 256 }],
    ['InvalidRequest', { f: 'x', l: 256 }],
    ['InvalidRequest', { f: 0, l: 256, o: -1 }],
    ['InvalidRequest', { f: 0, l: 256, b: 'xyz' }],
    ['InvalidRequest', { f: 0, l: 256, c: 7 }],
    ['InvalidRequest', { f: 0, l: 256, c: 'é'.repeat(33) }],
    ['BlockSizeOutOfBounds', { f: 0, l: 255 }],
    ['BlockSizeOutOfBounds', { f: 0, l: 131_073 }],
    ['BlockCountLimitExceeded', { f: 0, l: 256, n: 98_305 }],
    ['BlockBitmapLimitExceeded', { f: 0, l: 256, b: 'ff'.repeat(12_289) }],
    [undefined, { f: 0, l: 256, n: 98_304, b: 'ff'.repeat(12_288) }],
    [undefined, { f: 0, l: 131_072 }],
    [undefined, { f: 0, l: 256, c: 'é'.repeat(32) }],
  ])('is refused as %s: %j', (code, value) => {
    expect(codeOf(value)).toBe(code);
  });

  test('names the blocks whose bits are set, the least significant of each byte first, from the offset on', () => {
    const bitmap = Uint8Array.of(0b1110, 0b1);
    expect(blocksOf({ ...bounds, bitmap }, 100)).toEqual([1, 2, 3, 8]);
    expect(blocksOf({ ...bounds, bitmap, offset: 10 }, 100)).toEqual([11, 12, 13, 18]);
    expect(blocksOf({ ...bounds, bitmap, count: 2 }, 100)).toEqual([1, 2]);
    expect(blocksOf({ ...bounds, bitmap }, 3)).toEqual([1, 2]);
    expect(blocksOf({ ...bounds, count: 3, offset: 98 }, 100)).toEqual([98, 99]);
  });

  test('whatever is asked: the blocks rise, are of the file, and no more than 128 KiB in all', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 200 }),
        fc.nat({ max: 500 }),
        fc.integer({ min: 256, max: 131_072 }),
        fc.option(fc.uint8Array({ maxLength: 64 }), { nil: undefined }),
        (offset, blocks, blockBytes, bitmap) => {
          const wanted = blocksOf({ offset, count: undefined, bitmap, blockBytes }, blocks);
          expect(wanted).toEqual([...new Set(wanted)].toSorted((a, b) => a - b));
          expect(wanted.every((block) => block >= offset && block < blocks)).toBe(true);
          expect(wanted.length * blockBytes).toBeLessThanOrEqual(131_072);
        },
      ),
    );
  });

  test('whatever bytes come: they are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('json', 'cbor'), (payload, form) => {
        for (const read of [readGet, readDescribe]) {
          try {
            read(payload, form);
          } catch (error) {
            expect(error).toBeInstanceOf(StreamRefusal);
          }
        }
      }),
    );
  });
});
