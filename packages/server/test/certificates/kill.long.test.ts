import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseCertificateId } from '@fleetward/core';
import { seededRandom, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { openPlatform, trailOf } from './test-platform.ts';

const childFile = join(import.meta.dirname, 'revoking-child.ts');

/** Runs the child until it has acknowledged `acknowledgements` steps, then kills it in the middle of the next. */
async function killAfter(acknowledgements: number, folder: string): Promise<readonly string[]> {
  const child = spawn(process.execPath, ['--conditions=fleetward-source', childFile, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (lines.length >= acknowledgements) child.kill('SIGKILL');
    }
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
  return lines;
}

const seed = Math.floor(Math.random() * 2 ** 32);
const random = seededRandom(seed);

test.for([1, 2, 3, 4, 5])(`kill -9 loses nothing acknowledged: round %i of seed ${seed}`, async () => {
  using folder = temporaryFolder();
  const lines = await killAfter(1 + (random.bytes(1)[0]! % 40), folder.path);
  const platform = await openPlatform({ folder: folder.path });
  const entries = await trailOf(platform.trail);
  for (const line of lines) {
    const [step, id] = line.split(' ');
    const standing = platform.certificates.standing(parseCertificateId(id), platform.clock.now());
    if (step === 'revoked') expect(standing).toBe('revoked');
    else expect(['active', 'revoked']).toContain(standing);
  }
  // A change and its entry are there together: as many of each, also for the step that was cut off.
  const records = await platform.certificates.page({ limit: 1000 });
  const countOf = (kind: string) => entries.filter((entry) => entry.kind === kind).length;
  expect(countOf('certificate.issued')).toBe(records.length);
  expect(countOf('certificate.revoked')).toBe(records.filter(({ state }) => state === 'REVOKED').length);
  await platform.close();
});
