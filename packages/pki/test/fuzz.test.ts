import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as certificate from '../fuzz/certificate.fuzz.ts';
import * as cms from '../fuzz/cms.fuzz.ts';
import * as crl from '../fuzz/crl.fuzz.ts';
import * as csr from '../fuzz/csr.fuzz.ts';
import * as name from '../fuzz/name.fuzz.ts';
import * as ocsp from '../fuzz/ocsp.fuzz.ts';
import * as pem from '../fuzz/pem.fuzz.ts';
import * as tpm from '../fuzz/tpm.fuzz.ts';
import * as weakKeys from '../fuzz/weak-keys.fuzz.ts';
import {
  lintTbsOcsp,
  parseCertificate,
  parseCertsOnly,
  parseCrl,
  parseCsr,
  parseName,
  parseOcspRequest,
  parseWeakKeys,
} from '../src/index.ts';

/** A seed with a few bytes changed, one stretch removed or doubled, or its end cut off. */
function mutated(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const position = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const change = fc.record({
    kind: fc.constantFrom('set', 'flip', 'remove', 'double', 'cut'),
    position,
    octet: fc.nat({ max: 255 }),
    length: fc.integer({ min: 1, max: 12 }),
  });
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([seed, changes]) =>
      changes.reduce<Uint8Array>((bytes, { kind, position, octet, length }) => {
        const at = Math.floor(position * bytes.length);
        const copy = Array.from(bytes);
        if (kind === 'set') copy[at] = octet;
        if (kind === 'flip') copy[at] = (copy[at] ?? 0) ^ (1 << (octet & 7));
        if (kind === 'remove') copy.splice(at, length);
        if (kind === 'double') copy.splice(at, 0, ...copy.slice(at, at + length));
        return Uint8Array.from(kind === 'cut' && octet < 64 ? copy.slice(0, at) : copy);
      }, seed),
    );
}

const readers = [
  { seeds: certificate.seeds, parse: parseCertificate },
  { seeds: cms.seeds, parse: parseCertsOnly },
  { seeds: crl.seeds, parse: parseCrl },
  { seeds: csr.seeds, parse: parseCsr },
  { seeds: name.seeds, parse: parseName },
  { seeds: ocsp.seeds.slice(0, 1), parse: parseOcspRequest },
  { seeds: ocsp.seeds.slice(1), parse: lintTbsOcsp },
  { seeds: weakKeys.seeds, parse: (list: Uint8Array) => parseWeakKeys([list]) },
] as const;

describe.each(Object.entries({ certificate, cms, crl, csr, name, ocsp, pem, tpm, weakKeys }))(
  'the parser of a %s',
  (_, target) => {
    it('throws nothing but PkiError for mutated seeds and for noise', () => {
      fc.assert(fc.property(mutated(target.seeds), target.fuzz), { numRuns: 1500 });
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), target.fuzz), { numRuns: 500 });
    });
  },
);

it('the seeds are what they are taken for', () => {
  for (const { seeds, parse } of readers) for (const seed of seeds) expect(() => parse(seed)).not.toThrow();
});
