import type { TLSSocket } from 'node:tls';
import { subscribePacket } from './messages.ts';
import { exchange } from './mqtt-socket.ts';

export async function subscribe(socket: TLSSocket, filter: string, qos: 0 | 1 = 0): Promise<void> {
  const answer = await exchange(socket, subscribePacket(filter, qos));
  if (!answer.equals(Buffer.from([0x90, 3, 0, 1, qos])))
    throw new Error(`the broker refused to subscribe to \`${filter}\`: ${answer.toString('hex')}`);
}
