import { needs, runProgram } from '@fleetward/testkit';
import { beforeAll, expect, test } from 'vitest';
import { parseOptions } from '../src/options.ts';

const main = new URL('../src/main.ts', import.meta.url).pathname;

function bench(...args: readonly string[]) {
  return runProgram(process.execPath, ['--conditions=fleetward-source', main, ...args], {
    timeoutMs: 300_000,
  });
}

const quick = ['--seconds', '0.1', '--rounds', '1', '--things', '100,300', '--json'];

interface PrintedBroker {
  readonly messagesPerCpuSecond: number;
  readonly lost: number;
}

/** One start of the program and of the brokers for all of them: starting costs more than what is measured. */
needs('mosquitto', 'mosquitto').describe('npm run bench', () => {
  const names = [
    'policy',
    'prove',
    'issue',
    'search',
    'agent',
    'pipelined',
    'durable',
    'filters',
    'latency',
    'handshakes',
  ];
  let printed: ReadonlyMap<string, ReturnType<typeof JSON.parse>>;

  beforeAll(async () => {
    const only = names.flatMap((name) => ['--only', name]);
    const { code, stdout, stderr } = await bench(...only, ...quick);
    expect(code, stderr).toBe(0);
    const lines = stdout.toString().trim().split('\n');
    printed = new Map(lines.map((line) => JSON.parse(line)).map((figures) => [figures.bench, figures]));
    expect(lines).toHaveLength(names.length);
  }, 300_000);

  test('prints one JSON object for each bench, in their order', () => {
    expect([...printed.keys()]).toEqual(names);
  });

  test('prints what it found of each broker beside throughput', () => {
    const [durable, filters, latency, handshakes] = names.slice(6).map((name) => printed.get(name));
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

  test('starts the agent, which stays below 80 MB', () => {
    const { 'fleetward-agent': agent, 'bare Node': floor } = printed.get('agent');
    for (const each of [agent, floor]) expect(each.connectedMs).toBeGreaterThan(0);
    expect(agent.residentBytes).toBeLessThan(80_000_000);
  });

  test('issues certificates, and tells of all three issuers', () => {
    const { ratio, floorRatio, fleetward, pkijs, 'node:crypto': floor } = printed.get('issue');
    for (const each of [ratio, floorRatio]) expect(each).toBeGreaterThan(0);
    for (const { runs } of [fleetward, floor, pkijs]) expect(runs).toHaveLength(1);
  });

  test('searches growing fleets on both databases, by every query of the reference and every field', () => {
    const { curve } = printed.get('search');
    const sizes = curve.map(({ backend, things }: Record<string, unknown>) => [backend, things]);
    expect(sizes).toEqual(['sqlite', 'postgres'].flatMap((backend) => [100, 300].map((n) => [backend, n])));
    for (const { pages, counts, pageP95Ms, countP95Ms } of curve) {
      expect(pages.length).toBeGreaterThan(20);
      expect(counts.length).toBeGreaterThan(30);
      for (const ms of [pageP95Ms, countP95Ms]) expect(ms).toBeGreaterThan(0);
    }
  });

  test('prints the ratios and the figures of each broker under load, and loses nothing', () => {
    const figures = printed.get('pipelined');
    expect(figures).toMatchObject({ rounds: 1 });
    expect(figures.ratio).toBeGreaterThan(0);
    expect(figures.floorRatio).toBeGreaterThan(0);
    expect(Object.keys(figures.brokers)).toEqual(['fleetward', 'mosquitto', 'floor']);
    for (const broker of Object.values(figures.brokers as Record<string, PrintedBroker>)) {
      expect(broker.messagesPerCpuSecond).toBeGreaterThan(0);
      expect(broker.lost).toBe(0);
    }
  });

  test('compares the policy engines once they answer alike, and matches in linear time', () => {
    const { cached, fresh, globs } = printed.get('policy');
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

  test('prints the answers, times and states of the proofs of fifty statements', () => {
    const { proofs } = printed.get('prove');
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
});

const refusal = /^[^\n]*fan-in\|fan-out\|pipelined[^\n]*$/;

test('a line that cannot be followed ends the program with code 2 and one line that says what there is', async () => {
  const { code, stderr } = await bench('--only', 'fan-sideways');
  expect(code).toBe(2);
  expect(stderr.trimEnd()).toMatch(refusal);
});

test.for(['--help', '--seconds long'])('`%s` is refused with one line that says what there is', (line) => {
  expect(() => parseOptions(line.split(' '))).toThrow(refusal);
});
