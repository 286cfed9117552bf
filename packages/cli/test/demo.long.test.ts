import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApiClient, getHealth } from '@fleetward/protocol';
import { runProgram, startProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';

const program = [...process.execArgv, join(import.meta.dirname, '../src/main.ts'), 'demo'];

/** Files in the folder, and processes that name it. */
async function leftIn(folder: string): Promise<string> {
  const script = `ls -A ${folder}; ps -eo args | grep -F ${folder} | grep -v grep; true`;
  return (await runProgram('sh', ['-c', script])).stdout.toString();
}

interface Row {
  readonly step: number;
  readonly tried: string;
  readonly happened: string;
  readonly passed: boolean;
}

test('the demo tells its eight steps, each as it must come out, and leaves nothing behind', async () => {
  using folder = temporaryFolder('fleetward-demo-test-');
  const outcome = await runProgram(process.execPath, [...program, '--json'], {
    timeoutMs: 110_000,
    environment: { ...process.env, TMPDIR: folder.path },
  });
  const rows = outcome.stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
  expect(rows.filter(({ passed }) => !passed)).toEqual([]);
  expect([...new Set(rows.map(({ step }) => step))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(rows.length).toBeGreaterThanOrEqual(41);
  expect(outcome.code).toBe(0);
  expect(await leftIn(folder.path)).toBe('');
}, 120_000);

test('interrupted while firmware runs, it takes everything down', async () => {
  using folder = temporaryFolder('fleetward-demo-test-');
  await using demo = startProgram(process.execPath, [...program, '--json'], {
    timeoutMs: 110_000,
    environment: { ...process.env, TMPDIR: folder.path },
  });
  await demo.waitForOutput(/1\.0\.0 runs and is confirmed/, 100_000);
  process.kill(demo.pid, 'SIGINT');
  expect((await demo.outcome).code).toBe(1);
  expect(await leftIn(folder.path)).toBe('');
}, 120_000);

test('without an openssl program the device SDK makes keys and requests; with --keep the platform stays up and says how to reach it, until it is told to end', async () => {
  using folder = temporaryFolder('fleetward-demo-test-');
  const environment = { ...process.env, PATH: folder.path };
  await using demo = startProgram(process.execPath, [...program, '--keep'], {
    timeoutMs: 110_000,
    environment,
  });
  const told = (await demo.waitForOutput(/FLEETWARD_TOKEN=\S+/, 100_000)).toString();
  expect(told).toMatch(/device SDK \(no/); // the rest of the remark is on the next line of its column
  const [, url, ca] = /FLEETWARD_URL=(\S+) FLEETWARD_CA=(\S+)/.exec(told)!;
  const api = createApiClient({ baseUrl: url!, ca: readFileSync(ca!, 'utf8') });
  expect(await api.call(getHealth)).toEqual({ status: 'ok' });
  api.close();
  process.kill(demo.pid, 'SIGINT');
  expect((await demo.outcome).code).toBe(0); // no step failed
  expect(existsSync(ca!)).toBe(false);
}, 120_000);
