import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { encodePem } from '@fleetward/pki';
import { type IConnackPacket, type Packet, parser as packetParser, writeToStream } from 'mqtt-packet';
import type { ConnectOptions } from '../src/sdk/connect-device.ts';
import { ecKey, type TestAuthority } from './test-authority.ts';

export interface Heard {
  /** Which connection, from 0. */
  readonly connection: number;
  readonly packet: Packet;
}

type Script = (packet: Packet, connection: number, socket: TLSSocket) => void;

/** A server that does what a test tells it, on the codec of somebody else; by itself it accepts CONNECT and says what it heard. */
export class ScriptedBroker implements AsyncDisposable {
  readonly heard: Heard[] = [];
  connack: Partial<IConnackPacket> = {};
  script: Script = () => undefined;
  readonly sockets: TLSSocket[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('secureConnection', (socket) => this.#serve(socket));
  }

  static async start(authority: TestAuthority, options: TlsOptions = {}): Promise<ScriptedBroker> {
    const credentials = { ...(await authority.serverCredentials()), ca: authority.rootPem };
    const server = createServer({ ...credentials, requestCert: true, ALPNProtocols: ['mqtt'], ...options });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedBroker(server);
  }

  get url(): string {
    return `mqtts://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  of(cmd: Packet['cmd']): readonly Heard[] {
    return this.heard.filter(({ packet }) => packet.cmd === cmd);
  }

  send(packet: Packet, socket = this.sockets.at(-1)): void {
    if (socket !== undefined) writeToStream(packet, socket, { protocolVersion: 5 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: TLSSocket): void {
    const connection = this.sockets.push(socket) - 1;
    const parser = packetParser({ protocolVersion: 5 });
    parser.on('packet', (packet: Packet) => {
      this.heard.push({ connection, packet });
      if (packet.cmd === 'connect')
        this.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false, ...this.connack }, socket);
      this.script(packet, connection, socket);
    });
    socket.on('data', (data) => parser.parse(data));
    socket.on('error', () => socket.destroy());
  }
}

/** A device with a certificate of this authority. */
export async function deviceOf(authority: TestAuthority, name: string): Promise<ConnectOptions['identity']> {
  const { key, signer } = ecKey();
  const leaf = await authority.issueDevice(signer.publicKey, name);
  return {
    chain: encodePem('CERTIFICATE', leaf.der),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    root: authority.rootPem,
    name,
  };
}
