import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import type { DenialReport, Denials } from '../denials/index.ts';
import type { Admission, Admit } from './admission.ts';
import { type ServeMqtt, sourceOf } from './mqtt-source.ts';
import { addressOf } from './tls-listener.ts';
import { webSocketStream } from './websocket-stream.ts';

interface MqttWebSockets {
  readonly admit: Admit;
  readonly denials: Denials;
  readonly serveMqtt: ServeMqtt;
  /** Of one WebSocket message; as many as the largest packet has. */
  readonly messageBytesMax: number;
  /** How long one that is refused may take to read why. */
  readonly lingerMs: number;
}

interface Refusal {
  readonly status: 400 | 401 | 403;
  readonly reason: string;
}

type Admitted = Extract<Admission, { kind: 'admitted' }>;

/** Whether to leave HTTP for this request; any other `Upgrade` is a wish that may be ignored (RFC 9110 §7.8). */
export function isMqttWebSocket({ url = '', headers }: IncomingMessage): boolean {
  return /^\/mqtt(\?|$)/.test(url) && /^websocket$/i.test(headers.upgrade ?? '');
}

/** MQTT over WebSocket at `/mqtt` (MQTT 5 §6): who may speak is decided as for MQTT over TLS, before the upgrade. */
export function serveMqttWebSockets(server: Server, options: MqttWebSockets): void {
  const { admit, denials, serveMqtt } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    // One frame a turn of the event loop: a chunk of the socket may hold ten thousand, whose payload alone the broker paces.
    allowSynchronousEvents: false,
    maxFragments: fragmentsMax,
    maxBufferedChunks: bufferedChunksMax,
    maxPayload: options.messageBytesMax,
    handleProtocols: () => subprotocol, // MQTT5-6.0.0-4
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const socket = stream as TLSSocket; // of an HTTPS server
    const admission = admit(socket.getPeerX509Certificate()?.raw);
    const deny = (report: Pick<DenialReport, 'cause' | 'explanation'>): void => {
      const who = 'certificateId' in admission ? { certificateId: admission.certificateId } : {};
      denials.record({ ...who, ...report, remoteAddress: addressOf(socket) });
    };
    const lingering = destroyAfter(socket, options.lingerMs); // also where the library refuses the handshake
    const judged = judge(request, admission);
    if ('reason' in judged) {
      deny({ cause: 'request_denied', explanation: `devices: MQTT over WebSocket: ${judged.reason}` });
      return refuse(socket, judged);
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      clearTimeout(lingering);
      const violated = (why: string) => deny({ cause: 'protocol_error', explanation: `mqtt: ${why}` });
      serveMqtt(webSocketStream(webSocket, violated), sourceOf(socket, judged));
    });
  });
}

const subprotocol = 'mqtt';
/** Of one message, and pieces of one frame as TLS brings them: each costs some hundred bytes however small it is. */
const fragmentsMax = 256;
const bufferedChunksMax = 4_096;

function judge({ headers }: IncomingMessage, admission: Admission): Admitted | Refusal {
  if (admission.kind === 'anonymous')
    return { status: 401, reason: 'a client certificate of this platform is needed' };
  if (admission.kind !== 'admitted') return { status: 401, reason: admission.explanation };
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(subprotocol))
    return { status: 400, reason: 'the subprotocol `mqtt` is not among those offered (MQTT5-6.0.0-3)' };
  if (!isOfThisHost(headers))
    return { status: 403, reason: 'a page of another origin must not use the certificate of its visitor' };
  return admission;
}

/** Only browsers must send an origin, and they would present a certificate on behalf of any page (RFC 6455 §10.2). */
function isOfThisHost({ origin, host = '' }: IncomingMessage['headers']): boolean {
  if (origin === undefined) return true;
  const [page, here] = [URL.parse(origin), URL.parse(`https://${host}`)];
  return page !== null && here !== null && page.host === here.host;
}

function destroyAfter(socket: TLSSocket, ms: number): NodeJS.Timeout {
  const timer = setTimeout(() => socket.destroy(), ms);
  socket.once('close', () => clearTimeout(timer));
  return timer;
}

function refuse(socket: TLSSocket, { status, reason }: Refusal): void {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n`;
  const body = `${reason}\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
