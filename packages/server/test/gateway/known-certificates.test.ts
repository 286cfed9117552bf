import { type Certificate, certificateIdOf } from '@fleetward/pki';
import { expect, test } from 'vitest';
import { KnownCertificates } from '../../src/gateway/known-certificates.ts';

/** The cache looks at nothing else. */
function certificateOf(der: Uint8Array): Certificate {
  return { der, id: certificateIdOf(der) } as Certificate;
}

const ders = [0, 1, 2].map((byte) => Uint8Array.of(0x30, byte));
const [first, second, third] = ders.map(certificateOf) as [Certificate, Certificate, Certificate];

test('the same bytes find the same certificate, and one bit more or less finds none', () => {
  const known = new KnownCertificates({ certificatesMax: 2 });
  known.keep(first);
  expect(known.find(Uint8Array.from(first.der))).toBe(first);
  expect(known.find(Uint8Array.of(0x31, 0))).toBeUndefined();
  expect(known.find(Uint8Array.of(0x30))).toBeUndefined();
});

test('it holds no more than its limit, and forgets the one not asked for longest', () => {
  const known = new KnownCertificates({ certificatesMax: 2 });
  known.keep(first);
  known.keep(second);
  known.find(first.der);
  known.keep(third);
  known.keep(third);
  expect(known.size).toBe(2);
  expect(ders.map((der) => known.find(der) !== undefined)).toEqual([true, false, true]);
});
