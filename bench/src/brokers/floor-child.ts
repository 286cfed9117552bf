import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { serveParent } from '../child-main.ts';
import type { BrokerCredentials } from './broker.ts';

// The least a Node process can do to route MQTT over mutual TLS: no policy, no session, no limits, no check of what
// comes in. It reads remaining lengths and topics and passes whole packets on, with one write a socket a tick.

const connack = Buffer.from([0x20, 2, 0, 0]);
/** Topics and topics up to their last level (`telemetry/` for the filter `telemetry/+`) to their subscribers. */
const table = new Map<string, Member[]>();
const dirty: Member[] = [];

/** Places in the bytes it came in. */
interface Packet {
  readonly at: number;
  readonly body: number;
  readonly end: number;
}

class Member {
  readonly #socket: TLSSocket;
  #partial: Buffer | undefined;
  #out: Buffer[] = [];

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#forget());
  }

  send(packet: Buffer): void {
    if (this.#out.length === 0) {
      if (dirty.length === 0) setImmediate(flushAll);
      dirty.push(this);
    }
    this.#out.push(packet);
  }

  flush(): void {
    const out = this.#out;
    this.#out = [];
    this.#socket.write(out.length === 1 ? out[0]! : Buffer.concat(out));
  }

  #read(chunk: Buffer): void {
    const bytes = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]);
    let at = 0;
    while (at + 2 <= bytes.length) {
      const body = bodyStart(bytes, at);
      const end = body + remainingLength(bytes, at);
      if (body === 0 || end > bytes.length) break;
      this.#packet(bytes, { at, body, end });
      at = end;
    }
    this.#partial = at < bytes.length ? bytes.subarray(at) : undefined;
  }

  #packet(bytes: Buffer, packet: Packet): void {
    const kind = bytes[packet.at]! >> 4;
    if (kind === 3) this.#publish(bytes, packet);
    else if (kind === 1) this.send(connack);
    else if (kind === 8) this.#subscribe(bytes, packet.at);
    else this.#socket.end();
  }

  #publish(bytes: Buffer, { at, body, end }: Packet): void {
    const topic = bytes.toString('latin1', body + 2, body + 2 + bytes[body + 1]!);
    const members = table.get(topic) ?? table.get(topic.slice(0, topic.lastIndexOf('/') + 1));
    if (members === undefined) return;
    const packet = at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end);
    for (const member of members) member.send(packet);
  }

  #subscribe(bytes: Buffer, start: number): void {
    const filter = bytes.toString('latin1', start + 6, start + 6 + bytes[start + 5]!);
    const key = filter.endsWith('+') ? filter.slice(0, -1) : filter;
    table.set(key, [...(table.get(key) ?? []), this]);
    this.send(Buffer.from([0x90, 3, bytes[start + 2]!, bytes[start + 3]!, 0]));
  }

  #forget(): void {
    for (const [key, members] of table) {
      const left = members.filter((member) => member !== this);
      if (left.length === 0) table.delete(key);
      else table.set(key, left);
    }
  }
}

/** First byte after the remaining length (MQTT 3.1.1 section 2.2.3); 0 when that is not here yet. */
function bodyStart(bytes: Buffer, at: number): number {
  for (let next = at + 1; next < bytes.length; next++) if (bytes[next]! < 0x80) return next + 1;
  return 0;
}

function remainingLength(bytes: Buffer, at: number): number {
  let [length, shift, next] = [0, 0, at + 1];
  for (; bytes[next]! >= 0x80; next++, shift += 7) length |= (bytes[next]! & 0x7f) << shift;
  return length | (bytes[next]! << shift);
}

function flushAll(): void {
  for (const member of dirty.splice(0)) member.flush();
}

serveParent<BrokerCredentials>({
  answer: ({ clientAuthorities, serverCertificate, serverKey }) => {
    const server = createServer(
      {
        ca: clientAuthorities,
        cert: serverCertificate,
        key: serverKey,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
        noDelay: true,
      },
      (socket) => void new Member(socket),
    );
    return new Promise((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port })),
    );
  },
  stop: async () => undefined,
});
