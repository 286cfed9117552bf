import { connect, type TLSSocket } from 'node:tls';
import type { Identity } from '../brokers/broker.ts';
import { connectPacket } from './messages.ts';

/** Where the client connects. */
export interface Endpoint {
  readonly port: number;
  readonly ca: string;
  /** Of the key exchange; default X25519. */
  readonly curve?: 'X25519' | 'P-256';
}

const answerTimeoutMs = 20_000;

/** `clean`, or one that outlives the connection: `new`, or `kept` from before. */
type SessionWanted = 'clean' | 'new' | 'kept';

/** A TLS connection with an accepted CONNECT: TLS 1.3 with one cipher suite, so that every broker does the same work. */
export async function openMqttSocket(
  identity: Identity,
  endpoint: Endpoint,
  session: SessionWanted = 'clean',
): Promise<TLSSocket> {
  const socket = openTlsSocket(identity, endpoint);
  const answer = await exchange(socket, connectPacket(identity.clientId, session === 'clean'));
  const connack = Buffer.from([0x20, 2, session === 'kept' ? 1 : 0, 0]);
  if (!answer.subarray(0, 4).equals(connack))
    throw new Error(`the broker refused \`${identity.clientId}\`: ${answer.subarray(0, 4).toString('hex')}`);
  return socket;
}

/** Says DISCONNECT and waits for the end. */
export function disconnectMqtt(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.resume();
    socket.end(Buffer.from([0xe0, 0]));
  });
}

/** The connection alone, whose handshake has begun. */
function openTlsSocket(identity: Identity, { port, ca, curve = 'X25519' }: Endpoint): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    ca,
    cert: identity.chain,
    key: identity.key,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    ecdhCurve: curve,
  });
  socket.setNoDelay(true);
  return socket;
}

/** Sends a packet and resolves with what comes back first. */
export function exchange(socket: TLSSocket, packet: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      socket.off('data', answered);
      socket.off('error', failed);
      socket.off('close', closed);
      how();
    };
    const answered = (bytes: Buffer): void => settle(() => resolve(bytes));
    const failed = (error: Error): void => settle(() => reject(error));
    const closed = (): void => settle(() => reject(new Error('the broker closed the connection')));
    const timer = setTimeout(() => failed(new Error('the broker does not answer')), answerTimeoutMs);
    socket.on('data', answered);
    socket.on('error', failed);
    socket.on('close', closed);
    socket.write(packet);
  });
}
