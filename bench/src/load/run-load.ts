import type { TLSSocket } from 'node:tls';
import type { Identity } from '../brokers/broker.ts';
import { cpuSeconds } from '../cpu-seconds.ts';
import type { Workload } from '../workloads.ts';
import { Flow } from './flow.ts';
import { streamPackets, subscribePacket } from './messages.ts';
import { type Endpoint, exchange, openMqttSocket } from './mqtt-socket.ts';
import { Receiver } from './receiver.ts';

export interface LoadRequest {
  readonly workload: Workload;
  readonly endpoint: Endpoint;
  /** Whose processor time is counted. */
  readonly brokerPid: number;
  readonly identities: readonly Identity[];
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

const connectsAtOnce = 20;
const drainTimeoutMs = 5_000;

/** One run: connect, subscribe, send at full speed within the windows, measure, wait for the rest, disconnect. */
export async function runLoad(request: LoadRequest): Promise<LoadResult> {
  const { workload, seconds, warmUpSeconds } = request;
  const sockets = await connectAll(request);
  try {
    for (const { device, filter } of workload.subscriptions) await subscribe(sockets[device]!, filter);
    const { flows, receivers } = wire(workload, sockets);
    const failure = firstFailure(sockets, receivers);
    for (const flow of flows) flow.start();
    await Promise.race([pause(warmUpSeconds * 1_000), failure]);
    const before = sample(request.brokerPid, receivers);
    await Promise.race([pause(seconds * 1_000), failure]);
    const after = sample(request.brokerPid, receivers);
    for (const flow of flows) flow.end();
    return { ...difference(before, after), lost: await drain(flows) };
  } finally {
    await Promise.all([...sockets.values()].map(close));
  }
}

async function connectAll({ workload, identities, endpoint }: LoadRequest): Promise<TLSSocket[]> {
  const wanted = new Set<number>();
  for (const { device } of workload.subscriptions) wanted.add(device);
  for (const { publisher } of workload.streams) wanted.add(publisher);
  const waiting = [...wanted];
  const sockets: TLSSocket[] = [];
  const connectInTurn = async (): Promise<void> => {
    for (let device = waiting.pop(); device !== undefined; device = waiting.pop())
      sockets[device] = await openMqttSocket(identities[device]!, endpoint);
  };
  await Promise.all(Array.from({ length: connectsAtOnce }, connectInTurn));
  return sockets;
}

async function subscribe(socket: TLSSocket, filter: string): Promise<void> {
  const answer = await exchange(socket, subscribePacket(filter));
  if (!answer.equals(Buffer.from([0x90, 3, 0, 1, 0])))
    throw new Error(`the broker refused to subscribe to \`${filter}\`: ${answer.toString('hex')}`);
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
    receivers.set(device, new Receiver(received, publisherBefore));
  }
  return { flows, receivers };
}

/** Where several publishers share a subscriber: the topic ends in the publisher's number, counted from 1. */
function publisherBefore(bytes: Buffer, start: number): number {
  const end = start + 4 + bytes[start + 3]!; // the bench's packets have one byte of remaining length
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

function close(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.destroy();
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
