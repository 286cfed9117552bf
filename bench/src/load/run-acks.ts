import type { TLSSocket } from 'node:tls';
import type { Identity } from '../brokers/broker.ts';
import { cpuSeconds } from '../cpu-seconds.ts';
import { deviceName } from '../workloads.ts';
import { numberedPublishPacket } from './messages.ts';
import { disconnectMqtt, type Endpoint, openMqttSocket } from './mqtt-socket.ts';
import { closeAll, connectDevices, pause } from './sockets.ts';
import { subscribe } from './subscribe.ts';
import { warmUp } from './warm-up.ts';

export interface AcksRequest {
  readonly endpoint: Endpoint;
  readonly brokerPid: number;
  readonly identities: readonly Identity[];
  /** Its session is owed everything, and it is away. */
  readonly subscriber: number;
  readonly publishers: readonly number[];
  /** Messages each publisher has unacknowledged. */
  readonly window: number;
  /** Of the broker's processor time. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface AcksResult {
  readonly acknowledged: number;
  readonly seconds: number;
  readonly brokerCpuSeconds: number;
}

const payloadBytes = 64;

/** QoS 1: every publisher keeps its window full, sending a message anew for each PUBACK. */
export async function runAcks(request: AcksRequest): Promise<AcksResult> {
  await leaveSession(request);
  const sockets = await connectDevices(request.publishers, request);
  try {
    const lanes = request.publishers.map((device) => new Lane(sockets[device]!, device, request.window));
    const failure = Promise.race(lanes.map((lane) => lane.failure));
    failure.catch(() => undefined); // also when nobody waits any more
    for (const lane of lanes) lane.start();
    await Promise.race([warmUp(request.brokerPid, request.warmUpSeconds), failure]);
    const before = sample(request.brokerPid, lanes);
    await Promise.race([pause(request.seconds * 1_000), failure]);
    const after = sample(request.brokerPid, lanes);
    return {
      acknowledged: after.acknowledged - before.acknowledged,
      seconds: (after.atMs - before.atMs) / 1_000,
      brokerCpuSeconds: after.brokerCpuSeconds - before.brokerCpuSeconds,
    };
  } finally {
    await closeAll(sockets.filter(Boolean));
    await endSession(request);
  }
}

/** An empty session with one subscription, whose client is not there. */
async function leaveSession({ identities, subscriber, endpoint }: AcksRequest): Promise<void> {
  const identity = identities[subscriber]!;
  await disconnectMqtt(await openMqttSocket(identity, endpoint));
  const socket = await openMqttSocket(identity, endpoint, 'new');
  await subscribe(socket, 'telemetry/+', 1);
  await disconnectMqtt(socket);
}

/** Throws when the broker gave the session up meanwhile: it would have acknowledged what it dropped. */
async function endSession({ identities, subscriber, endpoint }: AcksRequest): Promise<void> {
  const identity = identities[subscriber]!;
  await closeAll([await openMqttSocket(identity, endpoint, 'kept')]);
  await disconnectMqtt(await openMqttSocket(identity, endpoint));
}

/** One publisher. */
class Lane {
  readonly failure: Promise<never>;
  readonly #socket: TLSSocket;
  readonly #packets: readonly Buffer[];
  #partial = Buffer.alloc(0);
  acknowledged = 0;

  constructor(socket: TLSSocket, device: number, window: number) {
    this.#socket = socket;
    const topic = `telemetry/${deviceName(device)}`;
    this.#packets = Array.from({ length: window }, (_, index) =>
      numberedPublishPacket(topic, { payloadBytes, packetId: index + 1 }),
    );
    this.failure = new Promise((_, reject) => {
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the broker closed a connection under load')));
      socket.on('data', (chunk: Buffer) => {
        try {
          this.#read(chunk);
        } catch (error) {
          reject(error);
        }
      });
    });
    this.failure.catch(() => undefined);
  }

  start(): void {
    this.#socket.write(Buffer.concat(this.#packets));
  }

  #read(chunk: Buffer): void {
    const bytes = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
    const next: Buffer[] = [];
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) {
      const packet = this.#packets[bytes.readUInt16BE(at + 2) - 1];
      if (bytes[at] !== 0x40 || packet === undefined)
        throw new Error('a publisher was sent something else than PUBACK');
      next.push(packet);
    }
    this.#partial = Buffer.from(bytes.subarray(at));
    this.acknowledged += next.length;
    if (next.length > 0) this.#socket.write(Buffer.concat(next));
  }
}

function sample(brokerPid: number, lanes: readonly Lane[]) {
  const acknowledged = lanes.reduce((sum, lane) => sum + lane.acknowledged, 0);
  return { acknowledged, atMs: performance.now(), brokerCpuSeconds: cpuSeconds(brokerPid) };
}
