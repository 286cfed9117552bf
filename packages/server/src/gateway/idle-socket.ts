import type { Socket } from 'node:net';

/**
 * Ends a socket once neither side has sent anything for `idleMs` to twice that. A look at its counters and not its own
 * timeout, which belongs to the HTTP server.
 */
export function endWhenIdle(socket: Socket, idleMs: number): void {
  let seenBytes = -1;
  const timer = setInterval(() => {
    const bytes = socket.bytesRead + socket.bytesWritten;
    if (bytes === seenBytes) socket.destroy();
    seenBytes = bytes;
  }, idleMs);
  socket.once('close', () => clearInterval(timer));
}
