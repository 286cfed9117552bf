import type { Identity } from '../brokers/broker.ts';
import { cpuSeconds } from '../cpu-seconds.ts';
import { type Endpoint, openMqttSocket } from './mqtt-socket.ts';
import { closeAll } from './sockets.ts';
import { warmth } from './warm-up.ts';

export interface HandshakesRequest {
  readonly endpoint: Endpoint;
  readonly brokerPid: number;
  readonly identities: readonly Identity[];
  /** Of the broker's processor time. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface HandshakesResult {
  readonly handshakes: number;
  readonly seconds: number;
  readonly brokerCpuSeconds: number;
}

const atOnce = 8;

/** Connects again and again, always anew: no session is ever resumed. CONNACK proves that the server finished its half. */
export async function runHandshakes(request: HandshakesRequest): Promise<HandshakesResult> {
  let count = 0;
  const connectOnce = async (lane: number): Promise<void> => {
    const socket = await openMqttSocket(request.identities[lane]!, { ...request.endpoint, curve: 'P-256' });
    await closeAll([socket]);
    count++;
  };
  const until = (isOver: () => boolean) =>
    Promise.all(
      Array.from({ length: atOnce }, async (_, lane) => {
        while (!isOver()) await connectOnce(lane);
      }),
    );
  await until(warmth(request.brokerPid, request.warmUpSeconds));
  const [startedMs, cpuBefore] = [performance.now(), cpuSeconds(request.brokerPid)];
  count = 0;
  await until(() => performance.now() - startedMs >= request.seconds * 1_000);
  return {
    handshakes: count,
    seconds: (performance.now() - startedMs) / 1_000,
    brokerCpuSeconds: cpuSeconds(request.brokerPid) - cpuBefore,
  };
}
