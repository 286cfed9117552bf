import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** A close code of RFC 6455 §7.4.1. */
const unsupportedData = 1003;
/** RFC 6455 §5.5.2: an old ping need not be answered, and one that floods must not fill memory with answers. */
const pongBacklogBytesMax = 65_536;

/**
 * The bytes in a WebSocket's binary messages as one stream: packets may share a message or span several (MQTT5-6.0.0-2). Anything
 * else ends the connection (MQTT5-6.0.0-1); `violated` is told why.
 */
export function webSocketStream(socket: WebSocket, violated: (why: string) => void): Duplex {
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (bytes: Buffer, _, done) => socket.send(bytes, done),
    final: (done) => {
      socket.close();
      done();
    },
    destroy: (error, done) => {
      socket.terminate();
      done(error);
    },
  });
  socket.on('message', (bytes: Buffer, isBinary) => {
    if (!isBinary) {
      violated('a WebSocket frame of text; MQTT comes in binary frames (MQTT5-6.0.0-1)');
      socket.close(unsupportedData);
      stream.destroy();
    } else if (!stream.push(bytes)) socket.pause();
  });
  socket.on('ping', (bytes) => {
    if (socket.bufferedAmount < pongBacklogBytesMax) socket.pong(bytes);
  });
  // The library has told the peer by a close code.
  socket.on('error', (error) => {
    violated(`the WebSocket frames cannot be read: ${error.message}`);
    stream.destroy();
  });
  socket.on('close', () => {
    if (!stream.destroyed) stream.push(null);
    stream.destroy();
  });
  return stream;
}
