import { randomInt } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { needs, requireProgram, runProgram, startProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { openMessages } from '../../../src/storage/messages/open.ts';
import { syncsBeforeAcknowledgements } from '../trace.ts';
import { PlainModel, plainState } from './plain-model.ts';
import { choices, randomBatches } from './random-batches.ts';

const rounds = 10;
const program = ['--conditions=fleetward-source', join(import.meta.dirname, 'commit-entry.ts')];

test('kill -9 at any moment leaves a prefix of the batches, with every acknowledged one', {
  timeout: 180_000,
}, async () => {
  const seed = Number(process.env.FLEETWARD_SEED ?? randomInt(2 ** 31));
  const choice = choices(seed);
  for (let round = 0; round < rounds; round++) {
    using folder = temporaryFolder();
    const [seedOfRound, killAfter, delayMs] = [choice(2 ** 31), 1 + choice(150), choice(20)];
    const acknowledged = await commitUntilKilled(folder.path, { seed: seedOfRound, killAfter, delayMs });
    const isPrefix = isPrefixOf(seedOfRound, acknowledged, await stateIn(folder.path));
    expect({ seed, round, acknowledged, isPrefix }).toMatchObject({
      isPrefix: true,
    });
    expect(acknowledged).toBeGreaterThanOrEqual(killAfter);
  }
});

async function commitUntilKilled(
  folder: string,
  round: { readonly seed: number; readonly killAfter: number; readonly delayMs: number },
): Promise<number> {
  const child = startProgram(process.execPath, [...program, folder, String(round.seed), '100000']);
  await child.waitForOutput(new RegExp(`^ack ${round.killAfter}\n`, 'm'));
  await new Promise((resolve) => setTimeout(resolve, round.delayMs));
  child.kill('SIGKILL');
  const { stdout, signal } = await child.outcome;
  expect(signal).toBe('SIGKILL');
  return acknowledgementsIn(stdout);
}

function acknowledgementsIn(stdout: Buffer): number {
  return stdout.toString().match(/^ack \d+\n/gm)?.length ?? 0;
}

async function stateIn(folder: string): Promise<object> {
  const store = await openMessages({ folder });
  try {
    return plainState(await store.load());
  } finally {
    await store.close();
  }
}

/** One more batch may be on the disk, whose acknowledgement the end came before. */
function isPrefixOf(seed: number, acknowledged: number, state: object): boolean {
  return [0, 1].some((more) => isDeepStrictEqual(stateAfter(seed, acknowledged + more), state));
}

function stateAfter(seed: number, count: number): object {
  const model = new PlainModel();
  for (const batch of randomBatches(seed).take(count)) model.apply(batch);
  return model.reopen();
}

needs('prlimit', 'util-linux').describe('a full disk', () => {
  test('rejects the commit, says what to do, and keeps every acknowledged batch', async () => {
    using folder = temporaryFolder();
    const seed = 11;
    const child = startProgram(process.execPath, [...program, folder.path, String(seed), '100000']);
    await child.waitForOutput(/^ack 20\n/m);
    const { size } = statSync(folder.join('messages.db-wal'));
    const prlimit = requireProgram('prlimit', 'util-linux');
    await runProgram(prlimit, ['--pid', String(child.pid), `--fsize=${size + 8192}:unlimited`]);
    const { stdout, code } = await child.outcome;
    expect(code).not.toBe(0);
    expect(stdout.toString()).toMatch(/^lost `.*messages\.db`.*(make room|has room).*start again/m);
    const acknowledged = acknowledgementsIn(stdout);
    expect(isPrefixOf(seed, acknowledged, await stateIn(folder.path))).toBe(true);
  });
});

needs('strace', 'strace').describe('the order of system calls', () => {
  async function traceOf(synchronous: 'FULL' | 'OFF'): Promise<string> {
    using folder = temporaryFolder();
    const trace = folder.join('trace');
    const calls = 'trace=write,pwrite64,fsync,fdatasync';
    const strace = ['-f', '-y', '-qq', '-s', '64', '-e', calls, '-o', trace, process.execPath];
    const args = [...strace, ...program, folder.join('data'), '5', '25', synchronous];
    const outcome = await runProgram(requireProgram('strace', 'strace'), args);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    return readFileSync(trace, 'utf8');
  }

  test('a batch is acknowledged after the sync of the log it was written to', async () => {
    const { acknowledgements } = syncsBeforeAcknowledgements(await traceOf('FULL'), 'messages.db');
    expect(acknowledgements).toHaveLength(25);
    // The first one follows those that made the log.
    for (const { unsyncedWrites, logWrites, syncs } of acknowledgements.slice(1)) {
      expect(unsyncedWrites).toBe(0);
      expect(syncs).toBe(logWrites > 0 ? 1 : 0);
    }
    expect(acknowledgements.filter(({ logWrites }) => logWrites > 0).length).toBeGreaterThan(20);
  });

  test('without syncs that check fails', async () => {
    const { acknowledgements } = syncsBeforeAcknowledgements(await traceOf('OFF'), 'messages.db');
    expect(acknowledgements).toHaveLength(25);
    expect(acknowledgements.some(({ unsyncedWrites }) => unsyncedWrites > 0)).toBe(true);
  });
});
