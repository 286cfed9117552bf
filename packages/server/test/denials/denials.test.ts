import { parseCertificateId, parseThingName, type Transactor } from '@fleetward/core';
import { type FakeClock, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DenialReport, Denials } from '../../src/denials/index.ts';
import { openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';

const minuteMs = 60_000;
const first = parseCertificateId('a'.repeat(64));
const second = parseCertificateId('b'.repeat(64));

let folder: TemporaryFolder;
let platform: Platform;
let denials: Denials;
let clock: FakeClock;
let isBroken: boolean;

function report(overrides: Partial<DenialReport> = {}): DenialReport {
  return {
    cause: 'publish_denied',
    remoteAddress: '192.0.2.7',
    explanation: 'no statement allows it',
    ...overrides,
  };
}

beforeEach(async () => {
  folder = temporaryFolder();
  isBroken = false;
  platform = await openPlatform({
    folder: folder.path,
    denials: { keptMax: 5, strangersKeptMax: 5, causesPerMinuteMax: 3, strangersPerMinuteMax: 3 },
    wrapStorage: (storage) => ({ ...storage, transactor: breakable(storage.transactor) }),
  });
  ({ denials, clock } = platform);
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

/** Rolls back whatever it is given while `isBroken`. */
function breakable(transactor: Transactor): Transactor {
  return {
    transact: (work) =>
      transactor.transact(async (tx) => {
        const result = await work(tx);
        if (isBroken) throw new Error('the disk is full');
        return result;
      }),
  };
}

interface Total {
  readonly cause: string;
  readonly principal: string;
  readonly count: number;
}

async function written(): Promise<readonly (Total & { readonly kind: string })[]> {
  return (await trailOf(platform.trail)).map(({ kind, payload }) => ({ kind, ...(payload as Total) }));
}

describe('the list', () => {
  test('has the newest first and forgets the oldest', () => {
    for (let n = 1; n <= 7; n++) denials.record(report({ resource: `t/${n}` }));
    expect(denials.list({ limit: 10 }).map(({ resource }) => resource)).toEqual([
      't/7',
      't/6',
      't/5',
      't/4',
      't/3',
    ]);
    expect(denials.list({ limit: 2 }).map(({ seq }) => seq)).toEqual([7, 6]);
    expect(denials.counts().get('publish_denied')).toBe(7);
  });

  test('is filtered by thing, certificate, cause, time and number', () => {
    const thingName = parseThingName('pump');
    denials.record(report({ thingName, certificateId: first }));
    clock.advance(1000);
    denials.record(report({ cause: 'subscribe_denied', certificateId: second }));
    const seqs = (filter: Parameters<Denials['list']>[0]) => denials.list(filter).map(({ seq }) => seq);
    expect(seqs({ thingName, limit: 10 })).toEqual([1]);
    expect(seqs({ certificateId: second, limit: 10 })).toEqual([2]);
    expect(seqs({ cause: 'subscribe_denied', limit: 10 })).toEqual([2]);
    expect(seqs({ sinceMs: clock.now(), limit: 10 })).toEqual([2]);
    expect(seqs({ afterSeq: 1, limit: 10 })).toEqual([2]);
  });

  test('is not pushed out of sight by strangers, however many they are', () => {
    denials.record(report({ certificateId: first }));
    for (let n = 0; n < 1000; n++) denials.record(report({ remoteAddress: `192.0.2.${n % 250}` }));
    const kept = denials.list({ limit: 100 });
    expect(kept).toHaveLength(6);
    expect(kept.map(({ seq }) => seq)).toEqual([1001, 1000, 999, 998, 997, 1]);
    expect(denials.counts().get('publish_denied')).toBe(1001);
  });

  test('keeps texts that a peer chose to a known length', () => {
    const long = 'x'.repeat(100_000);
    denials.record(report({ clientId: long, resource: long, explanation: long, remoteAddress: long }));
    const [kept] = denials.list({ limit: 1 });
    const lengths = [kept?.clientId, kept?.resource, kept?.explanation, kept?.remoteAddress].map(
      (text) => text?.length,
    );
    expect(lengths).toEqual([128, 1024, 1024, 64]);
  });
});

describe('the trail gets one entry', () => {
  test('a cause, principal and minute, once the minute is over, with an example', async () => {
    for (let n = 0; n < 1000; n++) denials.record(report({ certificateId: first, resource: `t/${n}` }));
    denials.record(report({ certificateId: second }));
    denials.record(report({ certificateId: first, cause: 'limit' }));
    await denials.flush(clock.now() + minuteMs - 1);
    expect(await written()).toEqual([]);
    await denials.flush(clock.now() + minuteMs);
    const example = { explanation: 'no statement allows it', resource: 't/0' };
    expect(await written()).toMatchObject([
      { kind: 'denials.aggregated', cause: 'publish_denied', principal: first, count: 1000, example },
      { kind: 'denials.aggregated', cause: 'publish_denied', principal: second, count: 1 },
      { kind: 'limits.aggregated', cause: 'limit', principal: first, count: 1 },
    ]);
    await denials.flush(Number.POSITIVE_INFINITY);
    expect(await written()).toHaveLength(3);
  });

  test('of every kind still open, at shutdown', async () => {
    denials.record(report());
    await denials.flush(Number.POSITIVE_INFINITY);
    expect(await written()).toMatchObject([{ principal: 'address 192.0.2.7' }]);
  });

  test('a cause for whatever exceeds the bound of a minute, strangers and certificates each within their own', async () => {
    for (let n = 0; n < 100; n++) denials.record(report({ remoteAddress: `192.0.2.${n}` }));
    denials.record(report({ certificateId: first }));
    await denials.flush(Number.POSITIVE_INFINITY);
    expect((await written()).map(({ cause, principal, count }) => [cause, principal, count])).toEqual([
      ['publish_denied', 'address 192.0.2.0', 1],
      ['publish_denied', 'address 192.0.2.1', 1],
      ['publish_denied', 'address 192.0.2.2', 1],
      ['publish_denied', 'many addresses', 97],
      ['publish_denied', first, 1],
    ]);
  });

  test('for all addresses of one IPv6 network', async () => {
    for (let n = 1; n < 10; n++) denials.record(report({ remoteAddress: `2001:db8::${n}` }));
    await denials.flush(Number.POSITIVE_INFINITY);
    expect(await written()).toMatchObject([{ principal: 'address 2001:db8:0:0', count: 9 }]);
  });

  test('also after a transaction that failed', async () => {
    denials.record(report());
    isBroken = true;
    await expect(denials.flush(Number.POSITIVE_INFINITY)).rejects.toThrow('the disk is full');
    isBroken = false;
    denials.record(report());
    await denials.flush(Number.POSITIVE_INFINITY);
    expect((await written()).map(({ count }) => count)).toEqual([2]);
  });
});
