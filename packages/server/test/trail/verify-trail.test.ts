import { parseSha256 } from '@fleetward/core';
import {
  type TrailEntry,
  type TrailLine,
  trailEntryHash,
  trailLineBytesMax,
  verifyTrail,
  verifyTrailExport,
} from '@fleetward/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkpointKey, exported, signedCheckpoint, signedTrail } from './signed-trail.ts';

const key = checkpointKey();
const trust = { publicKey: key.publicKey };
const payloads = ['{"a":1}', '{"b":"é"}', '{}', '{"c":[]}', '{"d":null}'];
const lines = signedTrail(key, { payloads, checkpointsAfter: [2, 5] });
const entries = lines.filter((line) => line.type === 'entry');
const expected = checkpointAt(2);

function checkpointAt(seq: number) {
  const line = lines.find((one) => one.type === 'checkpoint' && one.checkpoint.seq === seq);
  if (line?.type !== 'checkpoint') throw new Error('the test trail has a checkpoint there');
  return line.checkpoint;
}

/** The verdict on the values and on the bytes, which must agree. */
async function verdictOn(
  mutated: readonly TrailLine[],
  options = trust as Parameters<typeof verifyTrail>[1],
) {
  const verdict = verifyTrail(mutated, options);
  expect(await verifyTrailExport([exported(mutated)], options)).toEqual(verdict);
  return verdict;
}

describe('a trail', () => {
  test('as exported is intact, through its last checkpoint', async () => {
    const intact = { kind: 'intact', node: 'node-1', entries: 5, erased: 0, through: checkpointAt(5) };
    expect(await verdictOn(lines)).toEqual(intact);
    expect(await verdictOn(lines, { ...trust, expected })).toEqual(intact);
  });

  test('with erased payloads is intact and says how many are gone', async () => {
    const erased = lines.map(
      (line): TrailLine =>
        line.type === 'entry' && line.entry.seq % 2 === 0 ? { type: 'entry', entry: line.entry } : line,
    );
    expect(await verdictOn(erased)).toMatchObject({ kind: 'intact', entries: 5, erased: 2 });
  });

  test('that is empty, or holds checkpoints alone, is not vouched for', async () => {
    expect(await verdictOn([])).toMatchObject({ kind: 'broken', seq: 0 });
    expect(await verdictOn(lines.filter((line) => line.type === 'checkpoint'))).toMatchObject({
      kind: 'broken',
    });
  });
});

describe('an alteration is found:', () => {
  test('any byte of an export, replaced by any other', async () => {
    const bytes = exported(lines);
    const replaced = fc.record({ at: fc.nat(bytes.length - 1), by: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(replaced, async ({ at, by }) => {
        const copy = Uint8Array.from(bytes);
        copy[at] = (copy[at] ?? 0) ^ by;
        expect((await verifyTrailExport([copy], trust)).kind).toBe('broken');
      }),
      { numRuns: 300 },
    );
  });

  test('any truncation, but to a point that a checkpoint covers, which only a kept checkpoint can tell', async () => {
    const bytes = exported(lines);
    const covered = exported(lines.slice(0, 3)).length;
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        const verdict = await verifyTrailExport([bytes.subarray(0, length)], trust);
        expect(verdict.kind).toBe(length === covered ? 'intact' : 'broken');
        const kept = { ...trust, expected: checkpointAt(5) };
        expect((await verifyTrailExport([bytes.subarray(0, length)], kept)).kind).toBe('broken');
      }),
    );
  });

  test('any two lines swapped, any line left out, doubled or moved', () => {
    const position = fc.nat(lines.length - 1);
    fc.assert(
      fc.property(position, position, (from, to) => {
        const without = lines.toSpliced(from, 1);
        const swapped = lines.with(from, lines[to]!).with(to, lines[from]!);
        const moved = without.toSpliced(to, 0, lines[from]!);
        const leftOut = verifyTrail(without, trust).kind;
        // A checkpoint in the middle may go: the last one still covers every entry.
        expect(leftOut).toBe(from === 2 ? 'intact' : 'broken');
        expect(verifyTrail(swapped, trust).kind).toBe(from === to ? 'intact' : 'broken');
        expect(verifyTrail(moved, trust).kind).toBe(from === to ? 'intact' : 'broken');
        if (lines[from]?.type === 'entry')
          expect(verifyTrail(lines.toSpliced(from, 0, lines[from]), trust).kind).toBe('broken');
      }),
    );
  });

  test('a splice of another trail, of the same key, node and length', async () => {
    const other = signedTrail(key, { payloads: payloads.map(() => '{"x":0}'), checkpointsAfter: [2, 5] });
    for (let cut = 1; cut < lines.length; cut++) {
      expect(await verdictOn([...lines.slice(0, cut), ...other.slice(cut)])).toMatchObject({
        kind: 'broken',
      });
    }
  });

  test('a whole other trail of the same platform, by the checkpoint kept from before', async () => {
    const other = signedTrail(key, { payloads: ['{"x":0}', '{"y":0}'], checkpointsAfter: [2] });
    expect(await verdictOn(other)).toMatchObject({ kind: 'intact' });
    const verdict = await verdictOn(other, { ...trust, expected });
    expect(verdict).toMatchObject({ kind: 'broken', reason: expect.stringContaining('kept from before') });
  });

  test('a full rewrite by somebody without the checkpoint key', async () => {
    const forged = signedTrail(checkpointKey(), { payloads: ['{}', '{}'], checkpointsAfter: [2] });
    const verdict = await verdictOn(forged);
    expect(verdict).toMatchObject({ kind: 'broken', reason: expect.stringContaining('not signed') });
    const oldSeals = [...forged.slice(0, 2), { type: 'checkpoint', checkpoint: expected } as const];
    expect(await verdictOn(oldSeals)).toMatchObject({ reason: expect.stringContaining('rewritten') });
  });

  test('a checkpoint of another node, signed by the same key', async () => {
    const [first] = entries;
    const foreign = signedCheckpoint(key, { ...first!.entry, node: 'node-2' });
    expect(await verdictOn([first!, { type: 'checkpoint', checkpoint: foreign }])).toMatchObject({
      kind: 'broken',
    });
  });

  test('an entry of another node in the middle, though every hash fits', async () => {
    const [first] = entries;
    const second: TrailEntry = {
      ...first!.entry,
      node: 'node-2',
      seq: 2,
      prev: trailEntryHash(first!.entry),
    };
    const verdict = await verdictOn([first!, { type: 'entry', entry: second }]);
    expect(verdict).toMatchObject({ reason: expect.stringContaining('belongs to node') });
  });
});

describe('a malformed line is a verdict, never an exception:', () => {
  const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true });

  test('whatever a member is replaced by', () => {
    const [first] = entries;
    const members = ['type', 'entry', 'salt', 'payload'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...members), anything, (member, value) => {
        const line = { ...first, [member]: value } as never;
        const verdict = verifyTrail([line], trust);
        expect(verdict.kind).toBe('broken');
      }),
    );
  });

  test('whatever a member of an entry or checkpoint is replaced by', () => {
    const positions = lines.flatMap((line, index) =>
      Object.keys(line.type === 'entry' ? line.entry : line.checkpoint).map((member) => ({ index, member })),
    );
    fc.assert(
      fc.property(fc.constantFrom(...positions), anything, ({ index, member }, value) => {
        const line = lines[index]!;
        const inner = line.type === 'entry' ? line.entry : line.checkpoint;
        const altered = { ...inner, [member]: value };
        const mutated = { ...line, [line.type]: altered } as never;
        const unchanged = Object.is(inner[member as keyof typeof inner], value);
        const verdict = verifyTrail(lines.with(index, mutated), trust);
        expect(verdict.kind).toBe(unchanged ? 'intact' : 'broken');
      }),
      { numRuns: 500 },
    );
  });

  test('whatever the lines are', () => {
    fc.assert(
      fc.property(fc.array(anything), (values) => {
        expect(verifyTrail(values as never, trust).kind).toBe('broken');
      }),
    );
  });

  test('whatever the bytes are, in whatever pieces', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(chunks, async (pieces) => {
        expect((await verifyTrailExport(pieces, trust)).kind).toBe('broken');
      }),
    );
  });

  test('an unknown member, which no hash covers', () => {
    const [first] = entries;
    const noted = { ...first, entry: { ...first!.entry, note: 'looks fine' } } as never;
    expect(verifyTrail([noted], trust)).toMatchObject({ reason: expect.stringContaining('`note`') });
  });

  test('a line without end', async () => {
    const endless = (function* () {
      for (let count = 0; count < 2; count++) yield new Uint8Array(trailLineBytesMax).fill(0x61);
    })();
    expect(await verifyTrailExport(endless, trust)).toMatchObject({
      kind: 'broken',
      reason: expect.stringContaining('bytes'),
    });
  });
});

test('an export in pieces of any size has the verdict of the whole', async () => {
  const bytes = exported(lines);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: bytes.length }), async (size) => {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      expect((await verifyTrailExport(pieces, trust)).kind).toBe('intact');
    }),
    { numRuns: 30 },
  );
});

test('trust that is malformed is refused', () => {
  expect(() => verifyTrail(lines, { publicKey: new Uint8Array(3) })).toThrow(/Ed25519/);
  const bad = { ...expected, hash: parseSha256('0'.repeat(64)), signature: 'x' };
  expect(() => verifyTrail(lines, { ...trust, expected: bad })).toThrow(/signature/);
});
