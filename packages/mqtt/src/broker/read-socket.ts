import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** All sockets are read into it, one after the other: what came is copied out before the next read. */
const shared = Buffer.allocUnsafeSlow(65_536);

type Received = (chunk: Buffer) => void;

/**
 * Gives every chunk that comes to `received`; `pause` and `resume` of the stream hold as ever, and so do `end` and `close`.
 *
 * A socket is read as by `onread` of `net.connect`: Node then makes no buffer of its own a read and no round through its
 * streams (docs/adr/0011). It gives that option to the sockets of clients only; where the same means are not found at a
 * server's socket, or bytes have come before, the stream is listened to like any other.
 */
export function readSocket(stream: Duplex, received: Received): void {
  const means = stream instanceof Socket ? meansOf(stream) : undefined;
  if (means === undefined || stream.readableLength > 0) stream.on('data', received);
  else readShared(stream as Socket, means, received);
}

interface Means {
  /** The symbols of `node:net` for the buffer and for what is told how much of it was filled. */
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly use: (buffer: Buffer) => void;
}

function meansOf(socket: Socket): Means | undefined {
  const symbols = Object.getOwnPropertySymbols(socket);
  const named = (name: string) => symbols.find(({ description }) => description === name);
  const [buffer, callback] = [named('kBuffer'), named('kBufferCb')];
  const { _handle: handle } = socket as unknown as { readonly _handle?: Partial<ReadHandle> | null };
  if (buffer === undefined || callback === undefined) return undefined;
  if (typeof handle?.useUserBuffer !== 'function') return undefined;
  return { buffer, callback, use: (bytes) => (handle as ReadHandle).useUserBuffer(bytes) };
}

interface ReadHandle {
  useUserBuffer(buffer: Buffer): void;
}

function readShared(socket: Socket, { buffer, callback, use }: Means, received: Received): void {
  use(shared);
  const takeOut = (length: number): void => {
    const own = Buffer.allocUnsafe(length);
    shared.copy(own, 0, 0, length);
    received(own);
  };
  Object.assign(socket, { [buffer]: shared, [callback]: takeOut });
  socket.resume();
}
