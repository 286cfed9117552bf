import type { TLSSocket } from 'node:tls';
import type { Identity } from '../brokers/broker.ts';
import { cpuSeconds } from '../cpu-seconds.ts';
import type { Workload } from '../workloads.ts';
import { Flow } from './flow.ts';
import { streamPackets, topicStart } from './messages.ts';
import type { Endpoint } from './mqtt-socket.ts';
import { Receiver } from './receiver.ts';
import { closeAll, connectDevices, pause } from './sockets.ts';
import { subscribe } from './subscribe.ts';
import { warmUp } from './warm-up.ts';

export interface LoadRequest {
  readonly workload: Workload;
  readonly endpoint: Endpoint;
  /** Whose processor time is counted. */
  readonly brokerPid: number;
  readonly identities: readonly Identity[];
  /** Of the broker's processor time. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** What happened between the end of the warm-up and the end of the measured time. */
export interface LoadResult {
  /** Messages that arrived; one that goes to many subscribers counts once for each. */
  readonly deliveries: number;
  readonly seconds: number;
  readonly brokerCpuSeconds: number;
  readonly loadCpuSeconds: number;
  /** Messages that were sent at any time of the run and had not arrived everywhere at its end. */
  readonly lost: number;
}

const drainTimeoutMs = 5_000;

/** One run: connect, subscribe, send at full speed within the windows, measure, wait for the rest, disconnect. */
export async function runLoad(request: LoadRequest): Promise<LoadResult> {
  const { workload, seconds, warmUpSeconds } = request;
  const sockets = await connectDevices(devicesOf(workload), request);
  try {
    await subscribeAll(workload, sockets);
    const { flows, receivers } = wire(workload, sockets);
    const failure = firstFailure(sockets, receivers);
    for (const flow of flows) flow.start();
    await Promise.race([warmUp(request.brokerPid, warmUpSeconds), failure]);
    const before = sample(request.brokerPid, receivers);
    await Promise.race([pause(seconds * 1_000), failure]);
    const after = sample(request.brokerPid, receivers);
    for (const flow of flows) flow.end();
    return { ...difference(before, after), lost: await drain(flows) };
  } finally {
    await closeAll(sockets.filter(Boolean));
  }
}

function devicesOf({ subscriptions, streams }: Workload): readonly number[] {
  return [...subscriptions.map(({ device }) => device), ...streams.map(({ publisher }) => publisher)];
}

/** All devices at once, each filter after filter. */
async function subscribeAll({ subscriptions }: Workload, sockets: readonly TLSSocket[]): Promise<void> {
  const byDevice = Map.groupBy(subscriptions, ({ device }) => device);
  await Promise.all(
    Array.from(byDevice, async ([device, filters]) => {
      for (const { filter } of filters) await subscribe(sockets[device]!, filter);
    }),
  );
}

interface Wired {
  readonly flows: readonly Flow[];
  readonly receivers: ReadonlyMap<number, Receiver>;
}

function wire(workload: Workload, sockets: readonly TLSSocket[]): Wired {
  const packets = streamPackets(workload);
  const flows = workload.streams.map((stream, index) => {
    const socket = sockets[stream.publisher]!;
    return new Flow(stream, { packet: packets[index]!, write: (bytes) => void socket.write(bytes) });
  });
  const receivers = new Map<number, Receiver>();
  for (const { device } of workload.subscriptions) {
    const received = flows.filter((_, index) => workload.streams[index]!.receivers.includes(device));
    if (received.length > 0) receivers.set(device, new Receiver(received, publisherBefore));
  }
  return { flows, receivers };
}

/** Where several publishers share a subscriber: the topic ends in the publisher's number, counted from 1. */
function publisherBefore(bytes: Buffer, start: number): number {
  const topicAt = topicStart(bytes, start);
  const end = topicAt + bytes[topicAt - 1]!;
  const digit = (at: number): number => bytes[at]! - 0x30;
  return digit(end - 3) * 100 + digit(end - 2) * 10 + digit(end - 1) - 1;
}

/** Starts the receiving; rejects on the first connection that ends or packet that is wrong, and never resolves. */
function firstFailure(sockets: readonly TLSSocket[], receivers: Wired['receivers']): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    sockets.forEach((socket, device) => {
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the broker closed a connection under load')));
      const receiver = receivers.get(device);
      socket.on('data', (chunk: Buffer) => {
        try {
          if (receiver === undefined) throw new Error('a publisher was sent something');
          receiver.read(chunk);
        } catch (error) {
          reject(error);
        }
      });
    });
  });
  failure.catch(() => undefined); // also when nobody waits any more
  return failure;
}

interface Sample {
  readonly deliveries: number;
  readonly atMs: number;
  readonly brokerCpuSeconds: number;
  readonly loadCpuSeconds: number;
}

function sample(brokerPid: number, receivers: Wired['receivers']): Sample {
  let deliveries = 0;
  for (const { messages } of receivers.values()) deliveries += messages;
  const atMs = performance.now();
  return {
    deliveries,
    atMs,
    brokerCpuSeconds: cpuSeconds(brokerPid),
    loadCpuSeconds: cpuSeconds(process.pid),
  };
}

function difference(before: Sample, after: Sample): Omit<LoadResult, 'lost'> {
  return {
    deliveries: after.deliveries - before.deliveries,
    seconds: (after.atMs - before.atMs) / 1_000,
    brokerCpuSeconds: after.brokerCpuSeconds - before.brokerCpuSeconds,
    loadCpuSeconds: after.loadCpuSeconds - before.loadCpuSeconds,
  };
}

/** Waits for what is still under way; returns how much never came. */
async function drain(flows: readonly Flow[]): Promise<number> {
  const missing = (): number => flows.reduce((sum, flow) => sum + flow.missing, 0);
  for (let waitedMs = 0; missing() > 0 && waitedMs < drainTimeoutMs; waitedMs += 20) await pause(20);
  return missing();
}
