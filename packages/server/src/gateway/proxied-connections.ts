import { BlockList, isIP, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ConfigError } from '../config-error.ts';
import { familyOf, plainAddress } from '../network-of.ts';
import {
  type ProxyHeader,
  ProxyHeaderError,
  parseProxyHeader,
  proxyPrefixBytes,
  proxyRestBytes,
} from './proxy-header.ts';

/** The addresses whose connections begin with a header of PROXY protocol v2; of nobody else one is read. */
export type Proxies = Pick<BlockList, 'check'>;

/** From addresses and networks (`10.0.0.0/8`); nothing when there are none. Throws `config.invalid`. */
export function parseProxies(addresses: readonly string[]): Proxies | undefined {
  if (addresses.length === 0) return undefined;
  const list = new BlockList();
  for (const text of addresses) {
    const [address = '', bits] = text.split('/');
    const family = familyOf(address);
    const bitsMax = family === 'ipv4' ? 32 : 128;
    const isValid =
      isIP(address) !== 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && +bits <= bitsMax));
    if (!isValid)
      throw new ConfigError('config.invalid', `\`proxyAddresses\`: \`${text}\` is no address or network`);
    list.addSubnet(address, bits === undefined ? bitsMax : Number(bits), family);
  }
  return list;
}

interface ProxiedConnections {
  readonly proxies: Proxies;
  /** Time for the header to arrive. */
  readonly headerTimeoutMs: number;
  readonly refused: (why: string, remoteAddress: string) => void;
}

/**
 * Reads the header of a proxy's connection before anything else of the server sees it, and makes `remoteAddress` of the TCP and
 * the TLS socket what it says: limits, denials and policies are about the peer. Call it last: it goes in front.
 */
export function receiveProxied(server: Server, options: ProxiedConnections): void {
  const receivers = server.listeners('connection') as ((socket: Socket) => void)[];
  const pass = (socket: Socket): void => {
    for (const receive of receivers) receive.call(server, socket);
  };
  const announced = new Map<string, string>();
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const proxy = plainAddress(socket.remoteAddress);
    if (isIP(proxy) === 0 || !options.proxies.check(proxy, familyOf(proxy))) return pass(socket);
    readHeader(socket, options, (header) => {
      if (header.kind === 'proxied') announce(socket, { header, announced });
      pass(socket);
    });
  });
  const rename = (socket: TLSSocket): void => {
    const address = announced.get(pairOf(socket));
    if (address !== undefined) setRemoteAddress(socket, address);
  };
  server.prependListener('secureConnection', rename);
  server.prependListener('tlsClientError', (_: Error, socket: TLSSocket) => rename(socket));
}

/** A TLS socket knows the address and port of the TCP connection it is on, and not what we have learnt about it. */
function announce(
  socket: Socket,
  {
    header,
    announced,
  }: { readonly header: ProxyHeader & { kind: 'proxied' }; readonly announced: Map<string, string> },
): void {
  const pair = pairOf(socket);
  const address = plainAddress(header.address);
  announced.set(pair, address);
  socket.once('close', () => announced.delete(pair));
  setRemoteAddress(socket, address);
}

function pairOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function setRemoteAddress(socket: Socket, value: string): void {
  Object.defineProperty(socket, 'remoteAddress', { value, configurable: true });
}

function readHeader(
  socket: Socket,
  { headerTimeoutMs, refused }: ProxiedConnections,
  done: (header: ProxyHeader) => void,
): void {
  const fail = (why: string): void => {
    refused(why, plainAddress(socket.remoteAddress));
    socket.destroy();
  };
  const timer = setTimeout(() => fail('PROXY protocol: no header in time'), headerTimeoutMs);
  const end = (): void => {
    clearTimeout(timer);
    socket.off('readable', read).off('error', ignore).off('close', end);
  };
  let prefix: Buffer | undefined;
  function read(): void {
    try {
      prefix ??= readExactly(socket, proxyPrefixBytes);
      const rest = prefix && readExactly(socket, proxyRestBytes(prefix));
      if (prefix === undefined || rest === undefined) return;
      const header = parseProxyHeader(Buffer.concat([prefix, rest]));
      end();
      done(header);
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error;
      end();
      fail(error.message);
    }
  }
  socket.on('readable', read).on('error', ignore).on('close', end);
}

function ignore(): void {
  // `close` follows.
}

/** Nothing until so many bytes are there; at its end a stream answers with fewer. */
function readExactly(socket: Socket, bytes: number): Buffer | undefined {
  if (bytes === 0) return Buffer.alloc(0);
  const read = socket.read(bytes) as Buffer | null;
  return read?.length === bytes ? read : undefined;
}
