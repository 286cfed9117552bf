import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzz, seeds } from '../fuzz/metadata.fuzz.ts';
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from '../src/metadata/parse.ts';
import { fileOf, publishedRepository, signedPart } from './kit.ts';

const bytesMax = 2 * 1024 * 1024;
const refused = expect.objectContaining({ code: 'updates.metadata_invalid' });

/** Published metadata with one member of the signed part replaced. */
async function published() {
  const { state } = await publishedRepository();
  const withSigned = (bytes: Uint8Array | undefined, change: object) =>
    fileOf(JSON.stringify({ signatures: [], signed: { ...signedPart(bytes), ...change } }));
  return { state, withSigned };
}

describe('parsing metadata', () => {
  it('accepts or refuses whatever bytes it is given, and does nothing else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fuzz));
    fc.assert(fc.property(fc.json(), (text) => fuzz(fileOf(text))));
  });

  it('accepts or refuses published metadata with bytes changed, cut and repeated', () => {
    const change = fc.record({
      seed: fc.constantFrom(...seeds),
      at: fc.nat(),
      byte: fc.nat(255),
      keep: fc.nat(),
    });
    fc.assert(
      fc.property(change, ({ seed, at, byte, keep }) => {
        const copy = Uint8Array.from(seed);
        copy[at % copy.length] = byte;
        fuzz(copy);
        fuzz(copy.subarray(0, keep % copy.length));
        fuzz(Buffer.concat([copy.subarray(0, keep % copy.length), copy]));
      }),
      { numRuns: 300 },
    );
  });

  it('accepts or refuses published metadata with any member replaced by any value', () => {
    const change = fc.record({
      seed: fc.constantFrom(...seeds),
      at: fc.nat(),
      value: fc.jsonValue({ maxDepth: 2 }),
    });
    fc.assert(
      fc.property(change, ({ seed, at, value }) => {
        const text = Buffer.from(seed).toString();
        const places = [...text.matchAll(/:(?=[^:])/g)].map((match) => match.index);
        const place = places[at % places.length] ?? 0;
        fuzz(
          fileOf(
            `${text.slice(0, place + 1)}${JSON.stringify(value)}${text.slice(place + 1).replace(/^[^,}]*/, '')}`,
          ),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('refuses more bytes than it may read before it parses them', () => {
    expect(() => parseRoot(new Uint8Array(bytesMax + 1), bytesMax)).toThrow(/at most 2097152 are accepted/);
  });

  it('refuses what the model would fill in by itself', async () => {
    const { state, withSigned } = await published();
    expect(() => parseTimestamp(withSigned(state.timestamp, { meta: undefined }), bytesMax)).toThrow(refused);
    expect(() => parseSnapshot(withSigned(state.snapshot, { meta: undefined }), bytesMax)).toThrow(refused);
    expect(() => parseTargets(withSigned(state.targets, { targets: undefined }), bytesMax)).toThrow(refused);
    expect(() => parseRoot(withSigned(state.root, { keys: undefined }), bytesMax)).toThrow(refused);
  });

  it.each([
    ['a fractional version', { version: 1.5 }],
    ['version 0', { version: 0 }],
    ['a version beyond whole numbers', { version: 2 ** 53 }],
    ['a time that is not UTC', { expires: '2030-01-01T00:00:00+01:00' }],
    ['a month 13', { expires: '2030-13-01T00:00:00Z' }],
    ['another specification', { spec_version: '2.0.0' }],
    ['another role', { _type: 'snapshot' }],
    ['a lone surrogate', { note: '\ud800' }],
    ['a path that climbs', { targets: { 'a/../../b': { length: 1, hashes: { sha256: 'a'.repeat(64) } } } }],
    ['a target without a SHA-256', { targets: { a: { length: 1, hashes: { md5: 'a'.repeat(32) } } } }],
    ['a negative length', { targets: { a: { length: -1, hashes: { sha256: 'a'.repeat(64) } } } }],
    ['too many targets', { targets: manyTargets(8193) }],
    ['a role named by a number', { delegations: delegations('7', ['*']) }],
    ['a role named like a top-level one', { delegations: delegations('root', ['*']) }],
    ['a pattern of many stars', { delegations: delegations('lamps', ['a*a*a*a*a']) }],
    ['a costly pattern', { delegations: delegations('lamps', [`{${'a,'.repeat(50)}}{${'a,'.repeat(50)}}`]) }],
  ])('refuses targets with %s', async (_what, change) => {
    const { state, withSigned } = await published();
    expect(() => parseTargets(withSigned(state.targets, {}), bytesMax)).not.toThrow();
    expect(() => parseTargets(withSigned(state.targets, change), bytesMax)).toThrow(refused);
  });

  it.each([
    ['no consistent snapshots', { consistent_snapshot: false }],
    ['a threshold of 0', { roles: rootRoles(0) }],
    ['a threshold of one and a half', { roles: rootRoles(1.5) }],
    ['a missing role', { roles: { root: { keyids: [], threshold: 1 } } }],
  ])('refuses a root with %s', async (_what, change) => {
    const { state, withSigned } = await published();
    expect(() => parseRoot(withSigned(state.root, change), bytesMax)).toThrow(refused);
  });

  it('refuses two signatures of one key id, and a member given twice', async () => {
    const { state } = await published();
    const [signature] = JSON.parse(Buffer.from(state.root ?? []).toString()).signatures;
    const twice = { signed: signedPart(state.root), signatures: [signature, signature] };
    expect(() => parseRoot(fileOf(JSON.stringify(twice)), bytesMax)).toThrow(/multiple signatures/);
    const doubled = Buffer.from(state.root ?? [])
      .toString()
      .replace('"_type"', '"_type":"root","_type"');
    expect(() => parseRoot(fileOf(doubled), bytesMax)).toThrow(refused);
  });
});

function rootRoles(threshold: number) {
  const role = { keyids: [], threshold };
  return { root: role, targets: role, snapshot: role, timestamp: role };
}

function delegations(name: string, paths: readonly string[]) {
  return { keys: {}, roles: [{ name, keyids: [], threshold: 1, terminating: false, paths }] };
}

function manyTargets(count: number) {
  const entry = { length: 1, hashes: { sha256: 'a'.repeat(64) } };
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, entry]));
}
