import type { TLSSocket } from 'node:tls';
import type { Identity } from '../brokers/broker.ts';
import { type Endpoint, openMqttSocket } from './mqtt-socket.ts';

const connectsAtOnce = 20;

/** Connects each device once; the array has their sockets at their numbers. */
export async function connectDevices(
  devices: Iterable<number>,
  { identities, endpoint }: { readonly identities: readonly Identity[]; readonly endpoint: Endpoint },
): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  await eachAtOnce([...new Set(devices)], async (device) => {
    sockets[device] = await openMqttSocket(identities[device]!, endpoint);
  });
  return sockets;
}

/** Works on all items, a few at once. */
export async function eachAtOnce<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const inTurn = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: connectsAtOnce }, inTurn));
}

export async function closeAll(sockets: Iterable<TLSSocket>): Promise<void> {
  await Promise.all([...sockets].map(close));
}

function close(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.destroy();
  });
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
