import { fromHex, type Json, toHex } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCbor, parseCbor } from '../src/index.ts';

const limits = { bytesMax: 100_000, depthMax: 8 };
const parse = (hex: string): Json => parseCbor(fromHex(hex), limits);

// RFC 8949 appendix A, those that JSON can say.
const examples: readonly (readonly [string, Json])[] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['20', -1],
  ['3863', -100],
  ['3903e7', -1000],
  ['fb3ff199999999999a', 1.1],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['60', ''],
  ['6449455446', 'IETF'],
  ['62c3bc', 'ü'],
  ['64f0908591', '𐅑'],
  ['80', []],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['a0', {}],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
];

describe('CBOR', () => {
  test.each(examples)('%s of RFC 8949 is read and written', (hex, value) => {
    expect(parse(hex)).toEqual(value);
    expect(toHex(encodeCbor(value))).toBe(hex);
  });

  test.each([
    ['f93c00', 1],
    ['f97bff', 65_504],
    ['f90001', 2 ** -24],
    ['f9c400', -4],
    ['fa47c35000', 100_000],
    ['190001', 1],
  ] as const)('%s is read too', (hex, value) => expect(parse(hex)).toBe(value));

  test('whatever JSON says comes back the same', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (given) => {
        const value = JSON.parse(JSON.stringify(given)) as Json;
        const text = JSON.stringify(value);
        if (text.includes('"__proto__"')) return;
        expect(parseCbor(encodeCbor(value), limits)).toEqual(value);
      }),
    );
  });

  test.each([
    ['no bytes', '', 'ends too early'],
    ['text cut short', '63616', 'ends too early'],
    ['an array that promises more than there is', '9affffffff', 'ends too early'],
    ['a map that promises more than there is', 'bb001fffffffffffff', 'ends too early'],
    ['a number beyond what is exact', '1bffffffffffffffff', '2^53'],
    ['a byte string', '4101', 'byte strings'],
    ['a tag', 'c100', 'tags'],
    ['an indefinite array', '9fff', 'indefinite'],
    ['an indefinite text', '7f6161ff', 'indefinite'],
    ['a reserved length', '1c', 'reserved'],
    ['undefined', 'f7', 'simple value'],
    ['infinity', 'f97c00', 'not finite'],
    ['not a number', 'fb7ff8000000000000', 'not finite'],
    ['a key twice', 'a2616101616102', 'given twice'],
    ['a key that pollutes', 'a1695f5f70726f746f5f5f01', 'not allowed'],
    ['a key that is no text', 'a10101', 'not text'],
    ['text that is no UTF-8', '61ff', 'UTF-8'],
    ['two values', '0000', 'follow'],
    ['nine levels', '818181818181818180', 'deeper than 8'],
  ])('%s is refused', (_, hex, why) => {
    const bytes = fromHex(hex.length % 2 === 0 ? hex : `${hex}1`);
    expect(() => parseCbor(bytes, limits)).toThrow(why);
  });

  test('bytes are written, and read as hex digits where that is asked for', () => {
    expect(toHex(encodeCbor({ b: Uint8Array.of(1, 0xab) }))).toBe('a161624201ab');
    expect(parseCbor(fromHex('a161624201ab'), { ...limits, bytesAs: 'hex' })).toEqual({ b: '01ab' });
    expect(() => parseCbor(fromHex('4201'), { ...limits, bytesAs: 'hex' })).toThrow('ends too early');
  });

  test('too many bytes or values are refused', () => {
    expect(() => parseCbor(new Uint8Array(11), { ...limits, bytesMax: 10 })).toThrow('11 bytes');
    expect(() => parseCbor(encodeCbor([1, 2, 3]), { ...limits, valuesMax: 3 })).toThrow('more than 3');
  });
});
