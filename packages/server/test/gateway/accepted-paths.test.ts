import type { Certificate } from '@fleetward/pki';
import { expect, test } from 'vitest';
import { AcceptedPaths } from '../../src/gateway/accepted-paths.ts';

/** It looks at nothing else. */
function certificateOf(notBeforeMs: number, notAfterMs: number): Certificate {
  return { notBeforeMs, notAfterMs } as Certificate;
}

const leaf = certificateOf(100, 300);
const issuer = certificateOf(0, 250);
const trust = { roots: [], issuers: [issuer] };

test('an accepted path holds while every certificate of it is valid, and not a millisecond longer', () => {
  const paths = new AcceptedPaths();
  paths.keep(leaf, trust, { kind: 'accepted', chain: [leaf, issuer] });
  const heldAt = [99, 100, 250, 251].map((atMs) => paths.has(leaf, { trust, atMs }));
  expect(heldAt).toEqual([false, true, true, false]);
  expect(paths.has(leaf, { trust, atMs: Number.NaN })).toBe(false);
});

test('neither other CAs nor another certificate with the same content have it', () => {
  const paths = new AcceptedPaths();
  paths.keep(leaf, trust, { kind: 'accepted', chain: [leaf, issuer] });
  expect(paths.has(leaf, { trust: { ...trust }, atMs: 200 })).toBe(false);
  expect(paths.has({ ...leaf }, { trust, atMs: 200 })).toBe(false);
});
