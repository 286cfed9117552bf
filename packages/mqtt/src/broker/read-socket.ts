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
  const isUntouched = stream instanceof Socket && stream.readableLength === 0;
  if (!isUntouched || !readShared(stream as ReadableSocket, received)) stream.on('data', received);
}

/** The symbols of `node:net`: for the buffer, and for what is told how much of it was filled. */
const symbols = Object.getOwnPropertySymbols(new Socket());
const [kBuffer, kBufferCb] = ['kBuffer', 'kBufferCb'].map((name) =>
  symbols.find(({ description }) => description === name),
);

interface ReadHandle {
  useUserBuffer(buffer: Buffer): void;
}

interface ReadableSocket extends Socket {
  readonly _handle?: Partial<ReadHandle> | null;
  [symbol: symbol]: unknown;
}

/** False where its means are not found. */
function readShared(socket: ReadableSocket, received: Received): boolean {
  const { _handle: handle } = socket;
  if (kBuffer === undefined || kBufferCb === undefined) return false;
  if (typeof handle?.useUserBuffer !== 'function') return false;
  handle.useUserBuffer(shared);
  socket[kBuffer] = shared;
  socket[kBufferCb] = (length: number): void => {
    const own = Buffer.allocUnsafe(length);
    shared.copy(own, 0, 0, length);
    received(own);
  };
  socket.resume();
  return true;
}
