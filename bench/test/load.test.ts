import { expect, test } from 'vitest';
import { median, summarise } from '../src/figures.ts';
import { Flow } from '../src/load/flow.ts';
import { publishPacket, streamPackets, topicStart } from '../src/load/messages.ts';
import { Receiver } from '../src/load/receiver.ts';
import { plot } from '../src/plot.ts';
import { filtersWorkload, workload, workloadNames } from '../src/workloads.ts';

const run = { deliveries: 1_000, seconds: 1, brokerCpuSeconds: 0.5, loadCpuSeconds: 0.5, lost: 0 };

test('a flow is never further ahead of its slowest receiver than its window', () => {
  let written = 0;
  const stream = { publisher: 0, topic: 't', receivers: [1, 2], batch: 2, window: 3 };
  const flow = new Flow(stream, { packet: Buffer.from('p'), write: () => written++ });
  flow.start();
  expect(written).toBe(3);
  flow.delivered(0, 6); // the fast one has everything
  expect(written).toBe(3);
  flow.delivered(0, 3); // the slow one has a batch and a half
  expect(written).toBe(4);
  expect(flow.missing).toBe(6);
});

test('a flow that ends writes nothing more and knows what never came', () => {
  let written = 0;
  const stream = { publisher: 0, topic: 't', receivers: [1], batch: 1, window: 2 };
  const flow = new Flow(stream, { packet: Buffer.from('p'), write: () => written++ });
  flow.start();
  flow.end();
  flow.delivered(0, 1);
  expect(written).toBe(2);
  expect(flow.missing).toBe(1);
});

test('a receiver counts messages however they are cut, and takes none that was not sent', () => {
  const packet = Buffer.from('0123456789');
  const stream = { publisher: 0, topic: 't', receivers: [1], batch: 1, window: 100 };
  const flow = new Flow(stream, { packet, write: () => undefined });
  const receiver = new Receiver([flow], () => 0);
  const bytes = Buffer.concat([packet, packet, packet]);
  for (const [start, end] of [
    [0, 3],
    [3, 14],
    [14, 30],
  ] as const)
    receiver.read(bytes.subarray(start, end));
  expect(receiver.messages).toBe(3);
  expect(() => receiver.read(Buffer.from('0123456780'))).toThrow('nobody sent');
});

test('a receiver finds the one byte that is wrong, wherever it is in what arrives at once', () => {
  const packet = Buffer.from('0123456789');
  const stream = { publisher: 0, topic: 't', receivers: [1], batch: 2_000, window: 1 };
  const flow = new Flow(stream, { packet, write: () => undefined });
  const bytes = Buffer.concat(Array.from({ length: 2_000 }, () => packet));
  expect(flow.isSame(bytes, 0, bytes.length)).toBe(true);
  for (const at of [0, 9, 8_191, 8_192, 12_345, bytes.length - 1]) {
    const wrong = Buffer.from(bytes);
    wrong[at] = 0;
    expect(flow.isSame(wrong, 0, wrong.length)).toBe(false);
  }
});

test('all packets of a workload have one length, and one byte of remaining length', () => {
  for (const name of workloadNames) {
    const lengths = new Set(streamPackets(workload(name)).map(({ length }) => length));
    expect(lengths.size).toBe(1);
    expect(Math.max(...lengths)).toBeLessThan(128 + 2);
  }
});

test('without Mosquitto there is no ratio to it, but one to the floor', () => {
  const figures = summarise('fan-in', { fleetward: [run], floor: [{ ...run, deliveries: 2_000 }] });
  expect(figures.ratio).toBeNull();
  expect(figures.floorRatio).toBe(0.5);
});

test('a ratio is the median of the ratios within each round', () => {
  const slowMachine = { ...run, brokerCpuSeconds: 1 };
  const figures = summarise('fan-in', {
    fleetward: [run, slowMachine, run],
    mosquitto: [run, slowMachine, slowMachine],
    floor: [run, run, run],
  });
  expect(figures.ratio).toBe(1);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test('no two messages of a counted stream have one topic, and each is known as its own', () => {
  const { streams } = filtersWorkload(100);
  const packet = publishPacket(streams[0]!.topic, 8);
  const written: Buffer[] = [];
  const flow = new Flow(streams[0]!, { packet, write: (bytes) => written.push(bytes) });
  flow.start();
  expect(new Set(written.map((bytes) => bytes.toString('latin1'))).size).toBe(32);
  expect(
    written.every((bytes) => bytes.length === packet.length && flow.isSame(bytes, 0, bytes.length)),
  ).toBe(true);
  const strange = publishPacket('filters/00000000/hat', 8);
  expect(flow.isSame(strange, 0, strange.length)).toBe(false);
});

test('no subscriber of the filters has more filters than a session may have', () => {
  const { subscriptions, streams } = filtersWorkload(10_000);
  const counts = new Map<number, number>();
  for (const { device } of subscriptions) counts.set(device, (counts.get(device) ?? 0) + 1);
  expect(subscriptions).toHaveLength(10_000);
  expect(Math.max(...counts.values())).toBeLessThanOrEqual(100);
  expect(subscriptions.filter(({ filter }) => filter === 'filters/+/hot')).toHaveLength(
    streams[0]!.receivers.length,
  );
});

test('the topic of a packet is found behind a remaining length of any size', () => {
  for (const payloadBytes of [1, 200, 20_000])
    expect(publishPacket('abc', payloadBytes).toString('latin1', ...topicOf(payloadBytes))).toBe('abc');
  function topicOf(payloadBytes: number): [number, number] {
    const start = topicStart(publishPacket('abc', payloadBytes), 0);
    return [start, start + 3];
  }
});

test('a plot shows every point and title, and nothing a browser would run', () => {
  const points = [
    { x: 10, y: 100 },
    { x: 100, y: 2_000 },
  ];
  const svg = plot('a < b', [{ xTitle: 'x', lines: [{ title: 'one', points }] }]);
  expect(svg.match(/<circle /g)).toHaveLength(2);
  expect(svg).toContain('a &lt; b');
  expect(svg).not.toMatch(/NaN|undefined|Infinity|<script/);
});
