import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startProgram, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SigningProcess, SigningProcessExit } from '../src/index.ts';
import { spawnSigningChild } from '../src/process/child.ts';
import { bodyBytesMax } from '../src/process/frames.ts';
import { keySpec, masterKeyFile, startSigning, testEntry } from './signing-fixture.ts';

const message = Buffer.from('what is to be signed');
const gone = { code: 'keys.signer_gone' };
const entry = (name: string): string => join(import.meta.dirname, 'entries', name);

let folder: TemporaryFolder;
let started: SigningProcess[];
beforeEach(() => {
  folder = temporaryFolder();
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((signing) => signing.close()));
  folder.remove();
});

async function start(options: Parameters<typeof startSigning>[1] = {}): Promise<SigningProcess> {
  const signing = await startSigning(folder, options);
  started.push(signing);
  return signing;
}

/** Also true for a process that ended and that nobody has collected yet. */
function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  const status = `/proc/${pid}/stat`;
  return existsSync(status) && /\) Z /.test(readFileSync(status, 'latin1'));
}

async function ended(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 400 && !hasEnded(pid); tries++) await wait(25);
  return hasEnded(pid);
}

describe('when the signing process dies', () => {
  test('all that waits is rejected, the owner is told once, and another can take over', async () => {
    const exits: SigningProcessExit[] = [];
    const signing = await start({ onExit: (exit) => exits.push(exit) });
    const signer = await signing.generate(keySpec('a'));
    const fatal = await signing.generate(keySpec('b', { purpose: 'fatal' }));
    const requests = [
      fatal.sign(message),
      signer.sign(message),
      signer.sign(message),
      signing.generate(keySpec('c')),
    ];
    const outcomes = await Promise.allSettled(requests);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: gone });
    }
    await expect(signer.sign(message)).rejects.toMatchObject(gone);
    await expect.poll(() => exits).toEqual([{ expected: false, code: null, signal: 'SIGKILL' }]);

    const next = await start();
    await expect((await next.signer(signer.name)).sign(message)).resolves.toBeInstanceOf(Uint8Array);
  });

  test('killed anywhere in a row of generations, every acknowledged key is there and none is half', async () => {
    for (let acknowledgements = 0; acknowledgements < 5; acknowledgements++) {
      const signing = await start();
      const names = Array.from({ length: 8 }, (_, index) => `round-${acknowledgements}-${index}`);
      const acknowledged: string[] = [];
      const attempts = names.map(async (name) => {
        await signing.generate(keySpec(name, { algorithm: 'ecdsa-p256-sha256' }));
        acknowledged.push(name);
        if (acknowledged.length === acknowledgements) process.kill(signing.pid, 'SIGKILL');
      });
      if (acknowledgements === 0) process.kill(signing.pid, 'SIGKILL');
      await Promise.allSettled(attempts);
      const next = await start(); // Opens every key file: a half one would refuse the start.
      for (const name of acknowledged) expect((await next.signer(keySpec(name).name)).name).toBe(name);
      await next.close();
    }
  });

  test('that never ran is an error of the start', async () => {
    await expect(start({ entry: entry('silent-entry.ts') })).rejects.toMatchObject(gone);
    await expect(start({ entry: entry('no-such-entry.ts') })).rejects.toMatchObject(gone);
  });
});

describe('when the signing process hangs', () => {
  test('the request times out, and what waits behind it is rejected with the process', async () => {
    const exits: SigningProcessExit[] = [];
    const limits = { requestTimeoutMs: 10_000 };
    const signing = await start({ limits, onExit: (exit) => exits.push(exit) });
    const signer = await signing.generate(keySpec('a', { purpose: 'endless' }));
    const first = signer.sign(message);
    await expect(first).rejects.toMatchObject({ code: 'keys.timeout' });
    await expect(signer.sign(message)).rejects.toMatchObject(gone);
    await expect.poll(() => exits).toEqual([{ expected: false, code: null, signal: 'SIGKILL' }]);
  });
});

describe('when the server ends', () => {
  test('by close, the signing process is gone and later requests say so', async () => {
    const exits: SigningProcessExit[] = [];
    const signing = await start({ onExit: (exit) => exits.push(exit) });
    const signer = await signing.generate(keySpec('a'));
    await Promise.all([signing.close(), signing.close()]);
    expect(hasEnded(signing.pid)).toBe(true);
    await expect.poll(() => exits).toEqual([{ expected: true, code: 0, signal: null }]);
    await expect(signer.sign(message)).rejects.toMatchObject(gone);
  });

  test('by kill -9, no signing process is left behind', async () => {
    const args = ['--conditions=fleetward-source', entry('parent-entry.ts'), testEntry];
    const paths = [folder.join('keys'), masterKeyFile(folder).path];
    await using parent = startProgram(process.execPath, [...args, ...paths]);
    const output = await parent.waitForOutput(/signing process \d+\n/);
    const pid = Number(/signing process (\d+)/.exec(output)?.[1]);
    expect(hasEnded(pid)).toBe(false);
    parent.kill('SIGKILL');
    const orphaned = !(await ended(pid));
    if (orphaned) process.kill(pid, 'SIGKILL');
    expect(orphaned).toBe(false);
  });

  test('a signal to the whole group does not take the signatures it still needs', async () => {
    const signing = await start();
    const signer = await signing.generate(keySpec('a'));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.kill(signing.pid, signal);
      await signer.sign(message);
    }
    await expect(signer.sign(message)).resolves.toBeInstanceOf(Uint8Array);
  });
});

describe('bounds', () => {
  test('a message of the largest size is signed and a larger one never sent', async () => {
    const signer = await (await start()).generate(keySpec('a'));
    await expect(signer.sign(new Uint8Array(bodyBytesMax))).resolves.toBeInstanceOf(Uint8Array);
    await expect(signer.sign(new Uint8Array(bodyBytesMax + 1))).rejects.toMatchObject({
      code: 'keys.too_large',
    });
  });

  test('requests beyond the limit in flight are refused, and room comes back', async () => {
    const signing = await start({ limits: { inFlightMax: 3 } });
    const signer = await signing.generate(keySpec('a'));
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => signer.sign(message)));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(outcomes[4]).toMatchObject({ reason: { code: 'keys.busy' } });
    await signer.sign(message);
  });

  test('bytes beyond the limit in flight are refused, and room comes back', async () => {
    const signing = await start({ limits: { inFlightBytesMax: 10_000 } });
    const signer = await signing.generate(keySpec('a'));
    const large = new Uint8Array(6_000);
    const [first, second] = await Promise.allSettled([signer.sign(large), signer.sign(large)]);
    expect([first?.status, second]).toMatchObject(['fulfilled', { reason: { code: 'keys.busy' } }]);
    await signer.sign(large);
  });
});

describe('bytes that are not the protocol', () => {
  test('from the signing process end it, and the start says so', async () => {
    await expect(start({ entry: entry('garbage-entry.ts') })).rejects.toMatchObject({
      code: 'keys.protocol',
    });
  });

  test.each([
    ['a frame that is too long', Buffer.alloc(8, 0xff)],
    ['a header that is not JSON', Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x7b])],
    ['a header that is no request', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0, 0x5b, 0x5d])],
  ])('to the signing process end it: %s', async (_what, bytes) => {
    const lines: string[] = [];
    const child = spawnSigningChild({
      entry: testEntry,
      masterKeys: [],
      environment: {},
      log: (line) => lines.push(line),
    });
    child.channel.resume();
    child.channel.write(bytes);
    const [code] = await once(child.process, 'close');
    expect(code).toBe(70);
    expect(lines.join('\n')).toMatch(/^the signing process stops: /);
  });
});
