import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { proveKills } from '../src/kill/prove-kills.ts';

const seed = Number(process.env.FLEETWARD_SEED ?? randomInt(2 ** 31));

// The long form: npm run testkit:kill -- --kills 100
test('five kills cost no acknowledged message, bring no QoS 2 message twice and keep the order', {
  timeout: 240_000,
}, async () => {
  const report = await proveKills({ kills: 5, seed });
  process.stderr.write(`${JSON.stringify(report)}\n`);
  expect(report).toMatchObject({ seed, failures: [] });
  expect(report.kills).toBeGreaterThanOrEqual(5);
  expect(report.acknowledged).toBeGreaterThan(50);
  expect(report.received).toBeGreaterThan(report.acknowledged);
});

test.for([
  // What was acknowledged too early is lost, or is done again by who was told nothing of it.
  ['early-acknowledgement', /lost|twice/],
  ['forgotten-inbound', /twice/],
] as const)('the proof finds %s', { timeout: 240_000 }, async ([plant, what]) => {
  const { failures } = await proveKills({ kills: 30, seed, plant });
  expect(failures.join('\n')).toMatch(what);
});
