import type { TLSSocket } from 'node:tls';
import type { Identity } from '../brokers/broker.ts';
import { publishPacket } from './messages.ts';
import type { Endpoint } from './mqtt-socket.ts';
import { closeAll, connectDevices, pause } from './sockets.ts';
import { subscribe } from './subscribe.ts';

export interface PacedRequest {
  readonly endpoint: Endpoint;
  readonly identities: readonly Identity[];
  /** They take turns, each on its topic. */
  readonly publishers: readonly number[];
  readonly topics: readonly string[];
  readonly subscriber: number;
  readonly filter: string;
  readonly messagesPerSecond: number;
  readonly seconds: number;
}

/** From the write of a message to the arrival of its last byte, in the load's own process. */
export interface PacedResult {
  readonly messages: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly lost: number;
}

const payloadBytes = 64;
const tickMs = 1;
const warmUpShare = 0.2;
const drainMs = 1_000;

/** QoS 0 at a steady rate, as far as a timer of a millisecond is steady: what is due goes out at once. */
export async function runPaced(request: PacedRequest): Promise<PacedResult> {
  const sockets = await connectDevices([request.subscriber, ...request.publishers], request);
  try {
    await subscribe(sockets[request.subscriber]!, request.filter);
    const latencies: number[] = [];
    receive(sockets[request.subscriber]!, latencies);
    await sendPaced(sockets, { ...request, seconds: request.seconds * warmUpShare });
    latencies.length = 0;
    const startedMs = performance.now();
    const sent = await sendPaced(sockets, request);
    const seconds = (performance.now() - startedMs) / 1_000;
    for (let waitedMs = 0; latencies.length < sent && waitedMs < drainMs; waitedMs += 20) await pause(20);
    return { ...percentiles(latencies), seconds, lost: Math.max(0, sent - latencies.length) };
  } finally {
    await closeAll(sockets.filter(Boolean));
  }
}

async function sendPaced(sockets: readonly TLSSocket[], request: PacedRequest): Promise<number> {
  const packets = request.topics.map((topic) => publishPacket(topic, payloadBytes));
  const startedMs = performance.now();
  let sent = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs >= request.seconds * 1_000) return sent;
    for (const due = (elapsedMs / 1_000) * request.messagesPerSecond; sent < due; sent++) {
      const turn = sent % request.publishers.length;
      const packet = Buffer.from(packets[turn]!);
      packet.writeDoubleLE(performance.now(), packet.length - payloadBytes);
      sockets[request.publishers[turn]!]!.write(packet);
    }
    await pause(tickMs);
  }
}

/** All packets have one length, and one byte of remaining length. */
function receive(socket: TLSSocket, latencies: number[]): void {
  let partial = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const bytes = partial.length === 0 ? chunk : Buffer.concat([partial, chunk]);
    const nowMs = performance.now();
    let at = 0;
    for (let end = at + 2 + bytes[at + 1]!; end <= bytes.length; end = at + 2 + bytes[at + 1]!) {
      latencies.push(nowMs - bytes.readDoubleLE(end - payloadBytes));
      at = end;
    }
    partial = Buffer.from(bytes.subarray(at));
  });
}

function percentiles(latencies: readonly number[]) {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { messages: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
