import type { ClientRequest } from 'node:http';

/** What a platform's silence means that ends a connection as soon as it knows who is there. */
export const certificateRefusedText =
  'it ended the connection right after the TLS handshake, so it does not accept this certificate: revoked, on hold, switched off, past its grace or unknown; its operator reads why in `fleetward denial list`';

/** Whether this request's own handshake was finished; asked when the request has failed. */
export function watchHandshake(outgoing: ClientRequest): () => boolean {
  let isSecure = false;
  outgoing.once('socket', (socket) => {
    // Its handshake is over: a listener would stay on it, one for each request.
    if (outgoing.reusedSocket) return;
    socket.once('secureConnect', () => {
      isSecure = true;
    });
  });
  return () => isSecure && !outgoing.reusedSocket;
}
