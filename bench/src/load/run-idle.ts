import type { TLSSocket } from 'node:tls';
import type { Identity } from '../brokers/broker.ts';
import { type Endpoint, openMqttSocket } from './mqtt-socket.ts';
import { closeAll, eachAtOnce } from './sockets.ts';

export interface IdleRequest {
  readonly endpoint: Endpoint;
  readonly identities: readonly Identity[];
  /** 0 closes those that are open. */
  readonly connections: number;
}

const open: TLSSocket[] = [];

/** Opens connections that then do nothing, several on each certificate, each with a client id of its own. */
export async function runIdle({ endpoint, identities, connections }: IdleRequest): Promise<object> {
  if (connections === 0) await closeAll(open.splice(0));
  const numbers = Array.from({ length: connections }, (_, index) => index);
  await eachAtOnce(numbers, async (number) => {
    const identity = identities[number % identities.length]!;
    const clientId = `${identity.clientId}-${Math.floor(number / identities.length)}`;
    const socket = await openMqttSocket({ ...identity, clientId }, endpoint);
    socket.on('error', () => undefined);
    open.push(socket);
  });
  return { open: open.length };
}
