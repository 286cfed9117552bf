import type { Socket } from 'node:net';
import { networkOf, plainAddress } from '../network-of.ts';

/** Only what is needed of a server: TLS ones announce the TCP connection, before the handshake. */
interface AcceptingServer {
  prependListener(event: 'connection', listener: (socket: Socket) => void): unknown;
}

/** Cuts a connection at once when its address has `max` open ones already; an IPv6 address is its /64. */
export function boundConnectionsPerAddress(
  server: AcceptingServer,
  options: { readonly max: number; readonly refused: (remoteAddress: string | undefined) => void },
): void {
  const open = new AddressCount();
  server.prependListener('connection', (socket) => {
    if (open.add(socket) <= options.max) return;
    options.refused(socket.remoteAddress);
    socket.destroy();
  });
}

/** Open sockets by the network of their peer. */
export class AddressCount {
  readonly #open = new Map<string, number>();
  #total = 0;

  /** How many there are of its network now, with this one, which counts until it closes. */
  add(socket: Socket): number {
    const key = networkOf(plainAddress(socket.remoteAddress));
    const count = (this.#open.get(key) ?? 0) + 1;
    this.#open.set(key, count);
    this.#total++;
    socket.on('close', () => this.#remove(key));
    return count;
  }

  get total(): number {
    return this.#total;
  }

  #remove(key: string): void {
    this.#total--;
    const left = (this.#open.get(key) ?? 1) - 1;
    if (left === 0) this.#open.delete(key);
    else this.#open.set(key, left);
  }
}
