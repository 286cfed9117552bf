import { statSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { createThing, listThings } from '@fleetward/protocol';
import { needs, requireProgram, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';
import { ApiSession } from './api-session.ts';
import { serve } from './platform-process.ts';

/** Restarts the platform; answers with the threads of the new run. */
async function restartWithThreads(platform: TestPlatform): Promise<readonly Worker[]> {
  const threads: Worker[] = [];
  const collect = (worker: Worker): void => void threads.push(worker);
  process.on('worker', collect);
  await platform.restart();
  process.off('worker', collect);
  return threads;
}

test('a platform stops itself, with the reason, when a thread of the database ended', async () => {
  await using platform = await startTestPlatform();
  for (const name of ['sqlite-writer', 'sqlite-reader', 'sqlite-messages', 'sqlite-lock']) {
    const threads = await restartWithThreads(platform);
    await threads.find(({ threadName }) => threadName === name)?.terminate();
    expect(await platform.platform.stopped, name).toMatchObject({
      code: 'store.unavailable',
      message: expect.stringContaining('thread has ended'),
    });
  }
  await platform.restart();
  expect((await platform.api.call(listThings, { query: {} })).things).toEqual([]);
});

needs('prlimit', 'util-linux').describe('a platform whose disk fails', () => {
  test('stops itself at the failed COMMIT, with the reason, and starts whole again', async () => {
    await using session = await ApiSession.start();
    const { api, child, folder } = session;
    await api.call(createThing, { body: { thingName: 'kept' } });
    const { size } = statSync(folder.join('data', 'records.db-wal'));
    const prlimit = requireProgram('prlimit', 'util-linux');
    await runProgram(prlimit, ['--pid', String(child.pid), `--fsize=${size}:unlimited`]);
    await expect(api.call(createThing, { body: { thingName: 'not-told' } })).rejects.toThrow();
    const { code, stderr } = await child.outcome;
    expect(code).not.toBe(0);
    expect(stderr).toContain('the platform stops');
    expect(stderr).toContain('a COMMIT failed on the disk');

    const next = await session.restart(await serve(session.settings));
    const { things } = await next.call(listThings, { query: {} });
    expect(things.map(({ thingName }) => thingName)).toContain('kept');
  });
});
