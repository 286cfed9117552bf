import { type AttachedPolicy, parsePolicy } from '@fleetward/policy';
import { expect, test } from 'vitest';
import { Prover } from '../../src/policies/prover.ts';

const limits = { statesMax: 400_000, timeoutMs: 60_000, pendingMax: 4 };
const never = { kind: 'never', action: 'publish', resource: 'b/*' } as const;

function publishing(...topics: readonly string[]): readonly AttachedPolicy[] {
  const Resource = topics.map((topic) => `arn:aws:iot:REGION:ACCOUNT_ID:topic/${topic}`);
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: 'iot:Publish', Resource },
  });
  const { document } = parsePolicy(text, { region: 'r', accountId: 'a' });
  return [{ name: 'p', versionId: 1, via: 'certificate', document }];
}

/** Takes the prover's thread for as long as it may. */
const wild = publishing(`*a${'?'.repeat(20)}*`, `*b${'?'.repeat(21)}*`, `*c${'?'.repeat(22)}*`);
const wilder = publishing(`*a${'?'.repeat(20)}*x?`, `*b${'?'.repeat(21)}*x?`, `*c${'?'.repeat(22)}*x?`);

test('the event loop turns while a thread works', { timeout: 60_000 }, async () => {
  const prover = new Prover({ ...limits, statesMax: 100_000_000, timeoutMs: 2_000 });
  const proof = prover.prove(wild, { kind: 'at-most', others: wilder });
  let turns = 0;
  const timer = setInterval(() => turns++, 10);
  expect(await proof).toMatchObject({ verdict: 'undecided', summary: expect.stringContaining('timeoutMs') });
  clearInterval(timer);
  expect(turns).toBeGreaterThan(5);
  expect(prover.counts).toMatchObject({ timeoutMs: 1, waiting: 0 });
});

test('one more than may wait is refused, and counted', { timeout: 60_000 }, async () => {
  const prover = new Prover({ ...limits, pendingMax: 1 });
  const first = prover.prove(publishing('a/*'), never);
  await expect(prover.prove(publishing('a/*'), never)).rejects.toMatchObject({
    code: 'policies.proofs_busy',
  });
  expect(await first).toMatchObject({ verdict: 'yes' });
  expect(prover.counts).toMatchObject({ pendingMax: 1, done: 1, waiting: 0 });
});

test('a comparison beyond its states is not exact, and counted; one beyond its time is refused', {
  timeout: 60_000,
}, async () => {
  const sides = { before: wilder, now: wild };
  const prover = new Prover({ ...limits, statesMax: 100 });
  expect(await prover.work('diff', sides)).toMatchObject({ isExact: false });
  expect(prover.counts).toMatchObject({ statesMax: 1 });
  const hasty = new Prover({ ...limits, timeoutMs: 1 });
  await expect(hasty.work('diff', sides)).rejects.toMatchObject({ code: 'policies.proof_timeout' });
});

test('what cannot be read is refused', { timeout: 60_000 }, async () => {
  const bad = new Prover(limits).prove(publishing('a/*'), { ...never, action: 'dance' });
  await expect(bad).rejects.toMatchObject({ code: 'policies.invalid_request' });
});
