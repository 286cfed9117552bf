import { writeFileSync } from 'node:fs';
import { toHex } from '@fleetward/core';
import { bitString, nullValue, oid, sequence } from '../src/der/writer.ts';
import { algorithmOids } from '../src/oids.ts';
import { craftDer } from './crafted.ts';
import { issueDevice, newCa, newKey, nowMs } from './test-ca.ts';

// Writes conformance/vectors/x509/{valid,invalid}/{ml-dsa-keys,ml-dsa-paths}.json. The keys are made here and kept nowhere, so every run makes others.

const sets = ['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const;
const oids = {
  'ml-dsa-44': algorithmOids.mlDsa44,
  'ml-dsa-65': algorithmOids.mlDsa65,
  'ml-dsa-87': algorithmOids.mlDsa87,
};
const ca = await newCa('ml-dsa-65');
const [issuing, root] = [ca.issuing, ca.root].map(({ der }) => toHex(der));
const chain = { untrusted: [issuing], roots: [root] };
const keys = Object.fromEntries(sets.map((set) => [set, newKey(set)] as const));
const spki = (set: string, parts: { readonly bits: Uint8Array; readonly withNull?: true }) =>
  toHex(
    sequence(
      sequence(oid(oids[set as keyof typeof oids]), ...(parts.withNull ? [nullValue()] : [])),
      bitString(parts.bits),
    ),
  );

const leaf = await issueDevice(ca, { publicKey: keys['ml-dsa-44']!.parsed });
const altered = Uint8Array.from(leaf.der);
altered[altered.length - 1]! ^= 1;
const issuer = { issuerName: ca.issuing.subject, issuerKey: ca.issuingKey };
const otherSet = sequence(oid(oids['ml-dsa-87']));
const withNull = sequence(oid(oids['ml-dsa-65']), nullValue());

write('valid', 'ml-dsa-keys', 'Each `spki` (SubjectPublicKeyInfo, DER, hex; RFC 9881 §4) is accepted.', [
  ...sets.map((set) => ({ name: `a key of ${set}`, spki: toHex(keys[set]!.publicKey) })),
]);
write(
  'invalid',
  'ml-dsa-keys',
  'Each `spki` is refused; `reason` is part of the words. `malformed`: it is not even read.',
  [
    {
      name: 'a key of ml-dsa-44 that says ml-dsa-65',
      reason: '1952 octets',
      spki: spki('ml-dsa-65', { bits: keys['ml-dsa-44']!.parsed.bits }),
    },
    {
      name: 'a key that is cut',
      reason: '2592 octets',
      spki: spki('ml-dsa-87', { bits: keys['ml-dsa-87']!.parsed.bits.subarray(1) }),
    },
    {
      name: 'parameters that are NULL (RFC 9881 §4: absent)',
      reason: 'malformed',
      spki: spki('ml-dsa-44', { bits: keys['ml-dsa-44']!.parsed.bits, withNull: true }),
    },
  ],
);
write(
  'valid',
  'ml-dsa-paths',
  'Each `leaf` is accepted at `atMs` for clientAuth by the roots, through untrusted certificates. DER, hex.',
  [
    { name: 'a device with an ml-dsa-44 key under CAs of ml-dsa-65', leaf: toHex(leaf.der), ...chain },
    {
      name: 'a device with a P-256 key under CAs of ml-dsa-65',
      leaf: toHex((await issueDevice(ca)).der),
      ...chain,
    },
  ],
);
write(
  'invalid',
  'ml-dsa-paths',
  'Each is refused with this code. `malformed`: it is not even read. DER, hex.',
  [
    { name: 'a signature with one bit changed', code: 'bad_signature', leaf: toHex(altered), ...chain },
    {
      name: 'a signature that says another parameter set than its issuer has',
      code: 'bad_signature',
      leaf: toHex(await craftDer({ ...issuer, algorithm: otherSet })),
      ...chain,
    },
    {
      name: 'a signature algorithm with parameters (RFC 9881 §2: absent)',
      code: 'malformed',
      leaf: toHex(await craftDer({ ...issuer, algorithm: withNull })),
      ...chain,
    },
  ],
);

function write(folder: 'valid' | 'invalid', name: string, about: string, cases: readonly object[]): void {
  const kind = name.endsWith('keys') ? 'public-key' : 'path';
  const at = kind === 'path' ? { atMs: nowMs } : {};
  const file = new URL(`../../../conformance/vectors/x509/${folder}/${name}.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify({ kind, about, ...at, cases }, undefined, 2)}\n`);
}
