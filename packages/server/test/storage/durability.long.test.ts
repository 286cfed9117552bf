import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseThingName } from '@fleetward/core';
import { trailEntryHash, trailGenesis } from '@fleetward/protocol';
import { needs, requireProgram, runProgram, startProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { openStorage, type Storage } from '../../src/storage/index.ts';
import { syncsBeforeAcknowledgements } from './trace.ts';

const rounds = 20;
const program = ['--conditions=fleetward-source', join(import.meta.dirname, 'acknowledge.ts')];

test('kill -9 at any moment costs no acknowledged transaction and leaves none half made', {
  timeout: 180_000,
}, async () => {
  const seed = Number(process.env.FLEETWARD_SEED ?? randomInt(2 ** 31));
  using folder = temporaryFolder();
  const acknowledged: string[] = [];
  for (let round = 0; round < rounds; round++) {
    // A multiplicative step through the seed: which acknowledgement the kill follows.
    const killAfter = 1 + (((seed % 997) * (round + 1) * 37) % 211);
    acknowledged.push(...(await writeUntilKilled(folder.path, { prefix: `r${round}`, killAfter })));
    const storage = await openStorage({ kind: 'sqlite', folder: folder.path });
    const things = await readThings(storage);
    await assertChain(storage);
    await storage.close();
    const lost = acknowledged.filter((name) => !things.has(`${name}-a`) || !things.has(`${name}-b`));
    const halves = [...things].filter((name) => !things.has(otherHalf(name)));
    expect({ seed, round, lost, halves }).toEqual({ seed, round, lost: [], halves: [] });
  }
  expect(acknowledged.length).toBeGreaterThan(rounds);
});

test('an effect that throws ends the process: memory would no longer say what the records say', async () => {
  using folder = temporaryFolder();
  const storage = new URL('../../src/storage/index.ts', import.meta.url);
  const script = `
    import { openStorage } from ${JSON.stringify(storage.href)};
    const { transactor } = await openStorage({ kind: 'sqlite', folder: ${JSON.stringify(folder.path)} });
    await transactor.transact(async (tx) => {
      tx.afterCommit(() => { throw new Error('the registry is confused'); });
    });
    await new Promise((resolve) => setTimeout(resolve, 20_000));
  `;
  const args = ['--conditions=fleetward-source', '--input-type=module', '-e', script];
  const outcome = await runProgram(process.execPath, args);
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('the registry is confused') });
});

async function writeUntilKilled(
  folder: string,
  round: { readonly prefix: string; readonly killAfter: number },
): Promise<readonly string[]> {
  const child = startProgram(process.execPath, [...program, folder, round.prefix, '16', '100000']);
  await child.waitForOutput(new RegExp(`^ack ${round.killAfter} `, 'm'));
  child.kill('SIGKILL');
  const { stdout, signal } = await child.outcome;
  expect(signal).toBe('SIGKILL');
  // The last line may be cut off in the middle: then nobody was told.
  const lines = stdout.toString().split('\n').slice(0, -1);
  return lines.map((line) => line.split(' ')[2] ?? '');
}

async function readThings(storage: Storage): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (let after = parseThingName('-'), full = true; full; ) {
    const page = await storage.stores.things.page({ after, limit: 1000 });
    for (const thing of page) names.add(thing.name);
    after = page.at(-1)?.name ?? after;
    full = page.length === 1000;
  }
  return names;
}

async function assertChain(storage: Storage): Promise<void> {
  const store = storage.stores.trail('node-1');
  let [seq, prev] = [0, trailGenesis('node-1')];
  for (let page = await store.page({ afterSeq: seq, limit: 1000 }); page.length > 0; ) {
    for (const { entry } of page) {
      expect([entry.seq, entry.prev]).toEqual([seq + 1, prev]);
      [seq, prev] = [entry.seq, trailEntryHash(entry)];
    }
    page = await store.page({ afterSeq: seq, limit: 1000 });
  }
}

function otherHalf(name: string): string {
  return name.endsWith('-a') ? name.replace(/-a$/, '-b') : name.replace(/-b$/, '-a');
}

needs('strace', 'strace').describe('the order of system calls', () => {
  async function traceOf(writers: number, count: number): Promise<string> {
    using folder = temporaryFolder();
    const trace = folder.join('trace');
    const calls = 'trace=write,pwrite64,fsync,fdatasync';
    const strace = ['-f', '-y', '-qq', '-s', '64', '-e', calls, '-o', trace, process.execPath];
    const args = [...strace, ...program, folder.join('records'), 'traced', String(writers), String(count)];
    const outcome = await runProgram(requireProgram('strace', 'strace'), args);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    return readFileSync(trace, 'utf8');
  }

  test('an acknowledgement follows the sync of the log it was written to', async () => {
    const trace = syncsBeforeAcknowledgements(await traceOf(1, 25), 'records.db');
    expect(trace.acknowledgements).toHaveLength(25);
    for (const { logWrites, syncs, unsyncedWrites } of trace.acknowledgements) {
      expect(logWrites).toBeGreaterThan(0);
      expect(syncs).toBeGreaterThan(0);
      expect(unsyncedWrites).toBe(0);
    }
  });

  const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  test.each([
    [
      'records.db-wal',
      `import { openStorage } from ${source('storage/index.ts')};
       const opened = await openStorage({ kind: 'sqlite', folder });`,
    ],
    [
      'messages.db-wal',
      `import { openMessages } from ${source('storage/messages/open.ts')};
       const opened = await openMessages({ folder });
       await opened.load();`,
    ],
    [
      'revocations',
      `import { RevocationJournal } from ${source('certificates/revocation-journal.ts')};
       await RevocationJournal.open(folder + '/revocations');`,
    ],
  ])('what a killed process left in %s is synced before anybody is answered by it', async (file, open) => {
    using folder = temporaryFolder();
    const script = `
      import { writeSync } from 'node:fs';
      const folder = ${JSON.stringify(folder.path)};
      ${open}
      writeSync(1, 'open');
      process.kill(process.pid, 'SIGKILL');
    `;
    const args = ['--conditions=fleetward-source', '--input-type=module', '-e', script];
    await runProgram(process.execPath, args);
    const trace = folder.join('trace');
    const strace = ['-f', '-y', '-qq', '-e', 'trace=write,fsync,fdatasync', '-o', trace, process.execPath];
    await runProgram(requireProgram('strace', 'strace'), [...strace, ...args]);
    const [before = '', after] = readFileSync(trace, 'utf8').split('"open"');
    expect(after).toBeDefined();
    const syncs = before.split('\n').filter((line) => /f(data)?sync\(/.test(line));
    expect(syncs.some((line) => line.includes(`/${file}>`))).toBe(true);
  });

  test('transactions that wait together share a sync', async () => {
    const trace = syncsBeforeAcknowledgements(await traceOf(64, 256), 'records.db');
    expect(trace.acknowledgements).toHaveLength(256);
    expect(trace.acknowledgements.every((one) => one.unsyncedWrites === 0 || one.syncs === 0)).toBe(true);
    const syncs = trace.acknowledgements.reduce((sum, one) => sum + one.syncs, 0);
    expect(syncs).toBeLessThan(256 / 4);
  });
});
