import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeOid, encodeOid } from '../src/der/oid.ts';
import { ReadBefore } from '../src/der/read-before.ts';
import { openDer } from '../src/der/reader.ts';
import { tags } from '../src/der/tags.ts';
import { encodeTime, readTime } from '../src/der/time.ts';
import { readFlag, readInteger, readNamedBits, readSmallInteger, readUnsigned } from '../src/der/values.ts';
import { element, explicit, namedBits, sequence, smallInteger, unsigned } from '../src/der/writer.ts';
import { PkiError } from '../src/index.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const open = (der: Uint8Array) => openDer(der, 1 << 20);
const whole = (der: Uint8Array) => {
  const reader = open(der);
  reader.any('it');
  reader.end('it');
};

describe('what was read before', () => {
  const texts = () => new ReadBefore<{ readonly octets: Uint8Array }>(2);
  const readIn = (before: ReadBefore<{ readonly octets: Uint8Array }>, der: Uint8Array) =>
    open(der).known(before, 'it', (element) => ({ octets: element.content(tags.octetString, 'it') }));

  it('is the same object for the same bytes, and stays when those are overwritten', () => {
    const [before, der] = [texts(), bytes('040161')];
    const first = readIn(before, der);
    der.fill(0);
    expect(readIn(before, bytes('040161'))).toBe(first);
    expect(first.octets).toEqual(bytes('61'));
    expect(readIn(before, bytes('040162')).octets).toEqual(bytes('62'));
  });

  it('is forgotten when there is more than is kept', () => {
    const before = texts();
    const first = readIn(before, bytes('040161'));
    for (const hex of ['040162', '040163']) readIn(before, bytes(hex));
    expect(readIn(before, bytes('040161'))).not.toBe(first);
  });

  it('is never what was refused, which says its place in the whole', () => {
    const before = texts();
    const refuse = () => {
      const fields = open(bytes('3006040161040162')).enter(tags.sequence, 'all');
      fields.any('the first');
      return fields.known(before, 'it', (element) => ({ octets: element.content(tags.integer, 'it') }));
    };
    for (const attempt of [refuse, refuse]) expect(attempt).toThrow('at byte `5`');
  });
});

describe('the DER reader', () => {
  it.each([
    ['an indefinite length', '3080020101 0000'],
    ['a length that is not the shortest', '308103020101'],
    ['a long form with a leading zero', '30820003020101'],
    ['a length beyond the end', '3004020101'],
    ['a length of five octets', '308500000000030201 01'],
    ['a tag of more than one octet', '3f8101020101'],
    ['a header cut off', '30'],
    ['nothing', ''],
    ['trailing bytes', '3003020101ff'],
    ['a constructed octet string', '2403040100'],
    ['a sequence that is primitive', '1003020101'],
    ['an end-of-contents mark', '0000'],
  ])('refuses %s', (_, hex) => {
    expect(() => whole(bytes(hex.replaceAll(' ', '')))).toThrow(PkiError);
  });

  it('refuses nesting deeper than 16 levels and takes 16', () => {
    const nested = (levels: number) => {
      let der = smallInteger(1);
      for (let level = 0; level < levels; level++) der = sequence(der);
      return der;
    };
    expect(() => whole(nested(16))).not.toThrow();
    expect(() => whole(nested(17))).toThrow(/nested deeper/);
  });

  it('looks at the size before the content', () => {
    expect(() => openDer(new Uint8Array(11), 10)).toThrow(expect.objectContaining({ code: 'pki.too_large' }));
  });

  it('refuses integers and flags that are not in the one DER form', () => {
    expect(() => readInteger(open(bytes('02020001')), 'n')).toThrow(PkiError);
    expect(() => readInteger(open(bytes('0202ff80')), 'n')).toThrow(PkiError);
    expect(() => readInteger(open(bytes('0200')), 'n')).toThrow(PkiError);
    expect(() => readUnsigned(open(bytes('0201ff')), 'n')).toThrow(PkiError);
    expect(() => readFlag(open(bytes('010100')), 'f')).toThrow(PkiError);
    expect(() => readFlag(open(bytes('010101')), 'f')).toThrow(PkiError);
    expect(() => readNamedBits(open(bytes('030200a0')), 'b')).toThrow(PkiError);
  });

  it('reads back every element the writer writes', () => {
    const tree: fc.Arbitrary<Uint8Array> = fc.letrec<{ node: Uint8Array }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 6 },
        fc.uint8Array({ maxLength: 300 }).map((content) => element(tags.octetString, content)),
        fc.array(tie('node'), { maxLength: 4 }).map((parts) => sequence(...parts)),
        fc.array(tie('node'), { maxLength: 2 }).map((parts) => explicit(3, ...parts)),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (der) => {
        whole(der);
        expect(open(der).any('it')).toEqual(der);
      }),
    );
  });

  it('reads back numbers, bits, object identifiers and times', () => {
    fc.assert(fc.property(fc.nat(), (value) => readSmallInteger(open(smallInteger(value)), 'n') === value));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 24 }), (magnitude) => {
        const read = readUnsigned(open(unsigned(magnitude)), 'n');
        expect(BigInt(`0x${Buffer.from(read).toString('hex')}`)).toBe(
          BigInt(`0x${Buffer.from(magnitude).toString('hex')}`),
        );
      }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 15 })), (bits) => {
        const sorted = bits.toSorted((a, b) => a - b);
        expect(readNamedBits(open(namedBits(bits)), 'b')).toEqual(sorted);
      }),
    );
    fc.assert(
      fc.property(
        fc.nat({ max: 2 }),
        fc.nat({ max: 39 }),
        fc.array(fc.bigInt(0n, 1n << 130n), { maxLength: 3 }),
        (a, b, rest) => {
          const dotted = [a, b, ...rest].join('.');
          expect(decodeOid(encodeOid(dotted))).toBe(dotted);
        },
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: -631_152_000, max: 253_402_300_799 }), (seconds) => {
        expect(readTime(open(encodeTime(seconds * 1000)), 't')).toBe(seconds * 1000);
      }),
    );
  });

  it.each([
    '991301000000Z',
    '990230000000Z',
    '990101240000Z',
    '9901010000Z',
    '990101000000+0000',
    '99010100000 Z',
  ])('refuses the time %s', (text) => {
    const der = element(tags.utcTime, new TextEncoder().encode(text));
    expect(() => readTime(open(der), 't')).toThrow(PkiError);
  });

  it('refuses a GeneralizedTime where RFC 5280 asks for UTCTime', () => {
    const der = element(tags.generalizedTime, new TextEncoder().encode('20300101000000Z'));
    expect(() => readTime(open(der), 't')).toThrow(/before 2050/);
  });

  it('throws nothing but PkiError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (input) => {
        try {
          whole(input);
        } catch (error) {
          expect(error).toBeInstanceOf(PkiError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
