import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, startProgram, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeNote, parseNotes } from '../src/telemetry/done-notes.ts';
import { TelemetryQueue, type TelemetryQueueOptions } from '../src/telemetry/queue.ts';
import { encodeRecord, parseSegment } from '../src/telemetry/segment.ts';
import { cutPatterns, ForgetfulDisk } from './forgetful-disk.ts';

const seed = process.env.FLEETWARD_SEED ?? String(Date.now());
const patterns = cutPatterns(seededRandom(seed));

function open(disk: ForgetfulDisk, more: Partial<TelemetryQueueOptions> = {}): TelemetryQueue {
  return new TelemetryQueue({ folder: '/queue', files: disk, bytesMax: 4_000, ...more });
}

function takeAll(queue: TelemetryQueue) {
  const taken = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) taken.push(next);
  return taken;
}

const numbersIn = (queue: TelemetryQueue) =>
  takeAll(queue).map(({ payload }) => Number(String(payload).trim()));

/** So many at once, each of its own size. */
async function enqueue(queue: TelemetryQueue, numbers: readonly number[]): Promise<readonly number[]> {
  const outcomes = await Promise.allSettled(
    numbers.map((number) => queue.enqueue('t', String(number).padEnd((number * 37) % 300))),
  );
  return numbers.filter((_, at) => outcomes[at]?.status === 'fulfilled');
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('enqueue' as const), count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('finish' as const), count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('reopen' as const), count: fc.constant(0) }),
);
const steps = fc.array(step, { maxLength: 25 });

interface World {
  readonly acknowledged: number[];
  readonly finished: Set<number>;
  queue: TelemetryQueue;
  last: number;
}

/** Plays the steps; of what was acknowledged, `finished` are done with. */
async function play(
  world: World,
  disk: ForgetfulDisk,
  played: readonly { kind: string; count: number }[],
): Promise<void> {
  for (const { kind, count } of played) {
    if (kind === 'enqueue') {
      const numbers = Array.from({ length: count }, () => ++world.last);
      world.acknowledged.push(...(await enqueue(world.queue, numbers)));
    } else if (kind === 'reopen') {
      await world.queue.close();
      world.queue = open(disk, { whenFull: 'refuse-new' });
    } else {
      for (let done = 0; done < count; done++) {
        const next = world.queue.take();
        if (next === undefined) break;
        world.finished.add(Number(String(next.payload).trim()));
        world.queue.done(next.seq);
      }
    }
  }
}

describe(`the telemetry queue (seed ${seed})`, () => {
  test('after a clean end has what was acknowledged and not done with, in its order, once', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (played) => {
        const disk = new ForgetfulDisk();
        const queue = open(disk, { whenFull: 'refuse-new' });
        const world: World = { acknowledged: [], finished: new Set(), queue, last: 0 };
        await play(world, disk, played);
        const { messages } = world.queue.counts;
        await world.queue.close();
        disk.powerBack({ keep: [false], tear: 0, isZeroed: false });
        const left = world.acknowledged.filter((number) => !world.finished.has(number));
        expect(messages).toBe(left.length);
        const again = open(disk);
        expect(again.counts).toMatchObject({ messages: left.length, damagedBytes: 0, unnoted: 0 });
        expect(numbersIn(again)).toEqual(left);
      }),
      { numRuns: 60 },
    );
  });

  test('wherever the power is cut, loses nothing that was acknowledged and makes nothing up', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(120), fc.nat(5), async (played, cutAfter, at) => {
        const disk = new ForgetfulDisk();
        const queue = open(disk, { whenFull: 'refuse-new' });
        const world: World = { acknowledged: [], finished: new Set(), queue, last: 0 };
        disk.steps = 0;
        disk.cutAfter = cutAfter;
        await play(world, disk, played).catch(() => undefined);
        disk.powerBack(patterns[at % patterns.length]!);
        // With room for one more: all that is found is taken, and gives way to nothing.
        const again = open(disk, { bytesMax: 8_000 });
        const found = numbersIn(again);
        expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
        expect(
          world.acknowledged.filter((number) => !world.finished.has(number) && !found.includes(number)),
        ).toEqual([]);
        expect(found.filter((number) => number > world.last)).toEqual([]);
        // It goes on behind what was torn.
        expect(await enqueue(again, [world.last + 1])).toEqual([world.last + 1]);
        await again.close();
        expect(numbersIn(open(disk, { bytesMax: 8_000 }))).toEqual([...found, world.last + 1]);
      }),
      { numRuns: 200 },
    );
  });

  test('lets the oldest that is not under way give way, and counts it', async () => {
    const disk = new ForgetfulDisk();
    const queue = open(disk, { messagesMax: 5 });
    await enqueue(queue, [1, 2, 3]);
    const first = queue.take()!;
    await enqueue(queue, [4, 5, 6, 7]);
    expect(queue.counts).toMatchObject({ messages: 5, dropped: 2, refused: 0 });
    queue.done(first.seq);
    expect(numbersIn(queue)).toEqual([4, 5, 6, 7]);
    await queue.close();
    expect(numbersIn(open(disk))).toEqual([4, 5, 6, 7]);
  });

  test('keeps no more than it may, in bytes, however long nobody takes what was taken', async () => {
    const disk = new ForgetfulDisk();
    const queue = open(disk);
    await enqueue(queue, [1]);
    queue.take();
    for (let number = 2; number < 400; number++) await enqueue(queue, [number]);
    expect(queue.counts.bytes).toBeLessThanOrEqual(4_000);
    expect(disk.list('/queue').length).toBeLessThan(15);
    const numbers = numbersIn(queue);
    expect(numbers.at(-1)).toBe(399);
    expect(numbers).toEqual(numbers.map((_, at) => 400 - numbers.length + at));
  });

  test('refuses the newcomer where that is wanted, and always what is too large', async () => {
    const queue = open(new ForgetfulDisk(), { messagesMax: 1, whenFull: 'refuse-new' });
    expect(await enqueue(queue, [1, 2])).toEqual([1]);
    await expect(queue.enqueue('t', 'x')).rejects.toMatchObject({ code: 'device.queue_full' });
    expect(queue.counts).toMatchObject({ messages: 1, dropped: 0, refused: 2 });
    await expect(queue.enqueue('t', Buffer.alloc(5_000))).rejects.toMatchObject({
      code: 'device.message_too_large',
    });
    await expect(queue.enqueue('a/#', 'x')).rejects.toMatchObject({ code: 'mqtt.invalid_topic' });
  });

  test('says when the disk is full, and goes on when it has room', async () => {
    const disk = new ForgetfulDisk();
    const queue = open(disk);
    await enqueue(queue, [1]);
    disk.isFull = true;
    await expect(queue.enqueue('t', '2')).rejects.toMatchObject({ code: 'device.queue_failed' });
    queue.done(queue.take()!.seq);
    expect(queue.counts).toMatchObject({ messages: 0, bytes: 0 });
    disk.isFull = false;
    await enqueue(queue, [3]);
    await queue.close();
    expect(numbersIn(open(disk))).toContain(3);
  });

  test('gives room back that a full disk kept it from giving', async () => {
    const disk = new ForgetfulDisk();
    const queue = open(disk);
    await enqueue(queue, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    disk.isFull = true;
    await expect(queue.enqueue('t', 'x')).rejects.toMatchObject({ code: 'device.queue_failed' });
    for (let next = queue.take(); next !== undefined; next = queue.take()) queue.done(next.seq);
    const before = disk.list('/queue').length;
    disk.isFull = false;
    await enqueue(queue, [17]);
    queue.done(queue.take()!.seq);
    await enqueue(queue, [18]);
    expect(before).toBeGreaterThan(4);
    expect(disk.list('/queue').length).toBeLessThan(4);
    await queue.close();
    expect(numbersIn(open(disk))).toEqual([18]);
  });

  test('opens, and goes on, where a segment cannot be read or is larger than the queue may be now', async () => {
    using folder = temporaryFolder();
    const path = folder.join('queue');
    const queue = new TelemetryQueue({ folder: path, bytesMax: 8_000_000, messageBytesMax: 1_000_000 });
    await queue.enqueue('t', Buffer.alloc(900_000));
    await queue.enqueue('t', '2');
    await queue.close();
    mkdirSync(join(path, '0000000000000099.segment'));
    const again = new TelemetryQueue({ folder: path, bytesMax: 8_000 });
    expect(again.counts.damagedBytes).toBeGreaterThan(900_000);
    expect(await enqueue(again, [3])).toEqual([3]);
    expect(numbersIn(again)).toEqual([2, 3]);
    await again.close();
  });

  test('passes over a segment that the disk gives no more', async () => {
    using folder = temporaryFolder();
    const path = folder.join('queue');
    const queue = new TelemetryQueue({ folder: path });
    await enqueue(queue, [1, 2]);
    await queue.close();
    const again = new TelemetryQueue({ folder: path });
    await enqueue(again, [3]);
    const [first] = readdirSync(path)
      .filter((name) => name.endsWith('.segment'))
      .sort();
    rmSync(join(path, first!));
    mkdirSync(join(path, first!));
    expect(numbersIn(again)).toEqual([3]);
    expect(again.counts).toMatchObject({ unreadable: 2 });
    await again.close();
  });

  test('has its folder for itself until it is closed', async () => {
    using folder = temporaryFolder();
    const queue = new TelemetryQueue({ folder: folder.path });
    const another = () => new TelemetryQueue({ folder: folder.path });
    expect(another).toThrow(expect.objectContaining({ code: 'device.folder_in_use' }));
    await enqueue(queue, [1]);
    await queue.close();
    const next = another();
    expect(numbersIn(next)).toEqual([1]);
    await next.close();
    expect(readdirSync(folder.path).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  test('keeps what a killed process had acknowledged, from others too while it runs', async () => {
    using folder = temporaryFolder();
    const kept: number[] = [];
    {
      await using program = startProgram(process.execPath, [
        '--conditions=fleetward-source',
        `${import.meta.dirname}/queue-entry.ts`,
        folder.join('queue'),
      ]);
      await program.waitForOutput(/^kept 5000$/m);
      const open = () => new TelemetryQueue({ folder: folder.join('queue') });
      expect(open).toThrow(expect.objectContaining({ code: 'device.folder_in_use' }));
      program.kill('SIGKILL');
      const { stdout } = await program.outcome;
      for (const [, number] of String(stdout).matchAll(/^kept (\d+)\n/gm)) kept.push(Number(number));
    }
    const found = numbersIn(new TelemetryQueue({ folder: folder.join('queue') }));
    expect(kept.length).toBeGreaterThan(5_000);
    expect(found.slice(0, kept.length)).toEqual(kept);
  });

  test('reads what it wrote, and of anything else the part in front that it could have written', () => {
    const record = fc.tuple(fc.string({ minLength: 1 }), fc.uint8Array());
    fc.assert(
      fc.property(fc.array(record), fc.uint8Array(), fc.nat(), (records, noise, cut) => {
        const written = records.map(([topic, payload]) => encodeRecord(topic, payload));
        const bytes = Buffer.concat([...written, noise]);
        const { messages, damagedBytes } = parseSegment(bytes);
        expect(messages.slice(0, records.length).map(({ topic, payload }) => [topic, [...payload]])).toEqual(
          records.map(([topic, payload]) => [topic, [...payload]]),
        );
        expect(messages.reduce((sum, { recordBytes }) => sum + recordBytes, damagedBytes)).toBe(bytes.length);
        const torn = parseSegment(bytes.subarray(0, cut % (bytes.length + 1))).messages;
        expect(torn).toEqual(messages.slice(0, torn.length));
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat()), fc.uint8Array({ maxLength: 11 }), (seqs, noise) => {
        expect(parseNotes(Buffer.concat([...seqs.map(encodeNote), noise]))).toEqual(seqs);
      }),
    );
  });
});
