import { SocketAddress } from 'node:net';
import { AppError } from '@fleetward/core';

// PROXY protocol version 2, as HAProxy publishes it: what stands before the first byte of a connection that came through a proxy.

/** The header is none of version 2 that we take; `message` says why. */
export class ProxyHeaderError extends AppError<'gateway.proxy_header'> {}

/** Whose connection it is: the peer's that the proxy names, or the proxy's own, as for its health checks. */
export type ProxyHeader =
  | { readonly kind: 'local' }
  | { readonly kind: 'proxied'; readonly address: string; readonly port: number };

/** Signature, version, family and length; the rest is as long as that says. */
export const proxyPrefixBytes = 16;
/** §2: what a proxy may count on to be taken, the prefix included. */
const proxyHeaderBytesMax = 536;

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const commands = { local: 0x20, proxy: 0x21 } as const;
/** TCP over IPv4 and over IPv6: family and protocol, bytes of one address. */
const families: ReadonlyMap<number, number> = new Map([
  [0x11, 4],
  [0x21, 16],
]);

/** How many bytes of the header follow its prefix. Throws `ProxyHeaderError`. */
export function proxyRestBytes(prefix: Buffer): number {
  if (!prefix.subarray(0, signature.length).equals(signature)) throw flaw('no signature of version 2');
  const restBytes = prefix.readUInt16BE(14);
  if (restBytes > proxyHeaderBytesMax - proxyPrefixBytes)
    throw flaw(`a header of ${proxyPrefixBytes + restBytes} bytes; at most ${proxyHeaderBytesMax} are read`);
  return restBytes;
}

/** Parses a whole header, its prefix included and nothing after it. Throws `ProxyHeaderError`. */
export function parseProxyHeader(header: Buffer): ProxyHeader {
  if (header.length < proxyPrefixBytes || header.length !== proxyPrefixBytes + proxyRestBytes(header))
    throw flaw('its length is not what it says');
  const [versionAndCommand, family] = [header.readUInt8(12), header.readUInt8(13)];
  // §2.2: the receiver takes the real endpoints, and skips whatever follows.
  if (versionAndCommand === commands.local) return { kind: 'local' };
  if (versionAndCommand !== commands.proxy)
    throw flaw(`version and command 0x${versionAndCommand.toString(16)}`);
  const addressBytes = families.get(family);
  if (addressBytes === undefined)
    throw flaw(`address family and protocol 0x${family.toString(16)}; only TCP`);
  return parseAddresses(header.subarray(proxyPrefixBytes), addressBytes);
}

/** Source and destination address, source and destination port, then values we have no use for. */
function parseAddresses(rest: Buffer, addressBytes: number): ProxyHeader {
  const endOfAddresses = 2 * addressBytes + 4;
  if (rest.length < endOfAddresses) throw flaw('its addresses are cut off');
  assertValues(rest.subarray(endOfAddresses));
  const address = textOf(rest.subarray(0, addressBytes));
  return { kind: 'proxied', address, port: rest.readUInt16BE(2 * addressBytes) };
}

/** §2.2: a type, a length of two bytes, so many bytes; to the end. */
function assertValues(values: Buffer): void {
  for (let at = 0; at < values.length; ) {
    if (values.length - at < 3) throw flaw('its last value is cut off');
    at += 3 + values.readUInt16BE(at + 1);
    if (at > values.length) throw flaw('a value is longer than the header');
  }
}

function textOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function flaw(why: string): ProxyHeaderError {
  return new ProxyHeaderError('gateway.proxy_header', `PROXY protocol: ${why}`);
}
