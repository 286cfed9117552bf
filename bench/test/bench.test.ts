import { needs, runProgram } from '@fleetward/testkit';
import { expect, test } from 'vitest';

const main = new URL('../src/main.ts', import.meta.url).pathname;

function bench(...args: readonly string[]) {
  return runProgram(process.execPath, ['--conditions=fleetward-source', main, ...args], {
    timeoutMs: 300_000,
  });
}

needs('mosquitto', 'mosquitto').describe('the benches beside throughput', () => {
  test('each print what they found for each broker', { timeout: 300_000 }, async () => {
    const only = ['durable', 'filters', 'latency', 'handshakes'].flatMap((name) => ['--only', name]);
    const { code, stdout, stderr } = await bench(...only, '--seconds', '0.2', '--rounds', '1', '--json');
    expect(code, stderr).toBe(0);
    const [durable, filters, latency, handshakes] = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(durable.ratio).toBeGreaterThan(0);
    for (const { qos0 } of durable.brokers) expect(qos0).toMatchObject({ lost: 0 });
    expect(filters.brokers).toHaveLength(2);
    for (const { costRatio, lost } of filters.brokers) {
      expect(costRatio).toBeGreaterThan(0);
      expect(lost).toBe(0);
    }
    expect(latency.brokers).toHaveLength(3);
    for (const { p50Ms, p99Ms } of latency.brokers) expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
    expect(handshakes.ratio).toBeGreaterThan(0);
  });
});

test('certificates are issued, and both issuers are told', async () => {
  const { code, stdout, stderr } = await bench(
    '--only',
    'issue',
    '--seconds',
    '0.1',
    '--rounds',
    '1',
    '--json',
  );
  expect(code, stderr).toBe(0);
  const { ratio, fleetward, pkijs } = JSON.parse(stdout.toString());
  expect(ratio).toBeGreaterThan(0);
  for (const { runs } of [fleetward, pkijs]) expect(runs).toHaveLength(1);
});

interface PrintedBroker {
  readonly messagesPerCpuSecond: number;
  readonly lost: number;
}

needs('mosquitto', 'mosquitto').describe('npm run bench', () => {
  test('prints one JSON object with the ratios and the figures of each broker, and loses nothing', async () => {
    const { code, stdout, stderr } = await bench(
      '--only',
      'pipelined',
      '--seconds',
      '0.3',
      '--rounds',
      '1',
      '--json',
    );
    expect(code, stderr).toBe(0);
    const lines = stdout.toString().trim().split('\n');
    expect(lines).toHaveLength(1);
    const figures = JSON.parse(lines[0]!);
    expect(figures).toMatchObject({ bench: 'pipelined', rounds: 1 });
    expect(figures.ratio).toBeGreaterThan(0);
    expect(figures.floorRatio).toBeGreaterThan(0);
    expect(Object.keys(figures.brokers)).toEqual(['fleetward', 'mosquitto', 'floor']);
    for (const broker of Object.values(figures.brokers as Record<string, PrintedBroker>)) {
      expect(broker.messagesPerCpuSecond).toBeGreaterThan(0);
      expect(broker.lost).toBe(0);
    }
  });
});

test('compares the policy engines once they answer alike, and matches in linear time', async () => {
  const args = ['--only', 'policy', '--seconds', '0.1', '--rounds', '1', '--json'];
  const { code, stdout, stderr } = await bench(...args);
  expect(code, stderr).toBe(0);
  const { cached, fresh, globs } = JSON.parse(stdout.toString());
  for (const figures of [cached, fresh]) {
    expect(figures.allowed).toBeGreaterThan(0);
    expect(figures.allowed).toBeLessThan(figures.requests);
    for (const name of ['fleetward', 'casbin', 'cedar'])
      expect(figures.decisionsPerSecond[name]).toBeGreaterThan(0);
  }
  expect(globs).toHaveLength(3);
  for (const { nanosecondsPerByte } of globs)
    expect(Object.keys(nanosecondsPerByte)).toEqual(['1024', '4096', '16384', '65536']);
});

test.for(['--only fan-sideways', '--help', '--seconds long'])(
  '`%s` is refused with one line that says what there is',
  async (line) => {
    const { code, stderr } = await bench(...line.split(' '));
    expect(code).toBe(2);
    expect(stderr).toMatch(/^[^\n]*fan-in\|fan-out\|pipelined[^\n]*\n$/);
  },
);

test('the proofs of fifty statements print their answers, times and states', {
  timeout: 120_000,
}, async () => {
  const { code, stdout, stderr } = await bench('--only', 'prove', '--rounds', '1', '--json');
  expect(code, stderr).toBe(0);
  const { proofs } = JSON.parse(stdout.toString());
  const answers = proofs.map(({ proof, answer }: { proof: string; answer: string }) => [proof, answer]);
  expect(Object.fromEntries(answers)).toEqual({
    'no-cross-device': 'yes',
    'never publish': 'yes',
    'never receive': 'yes',
    'never receive, no': 'no',
    'at-most': 'yes',
    'at-most, no': 'no',
    equal: 'yes',
    diff: '1 more',
    dead: '0 dead',
  });
  for (const { cpuMilliseconds, states } of proofs) {
    expect(cpuMilliseconds).toBeGreaterThan(0);
    expect(states).toBeGreaterThan(0);
  }
});
