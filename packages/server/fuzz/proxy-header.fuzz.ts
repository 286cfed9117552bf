import { isIP } from 'node:net';
import { ProxyHeaderError, parseProxyHeader } from '../src/gateway/proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';

export const seeds: readonly Uint8Array[] = [
  `${signature}2111000cc0000207c633640a30390022bb`.slice(0, 56),
  `${signature}2121002420010db8000000000000000000000001fd000000000000000000000000000002c35122fb`,
  `${signature}20000000`,
  `${signature}21110013c0000207c6336401303922b3040004deadbeef`,
].map((hex) => Buffer.from(hex, 'hex'));

/** What a proxy, or somebody in its place, sends before TLS. */
export function fuzz(input: Uint8Array): void {
  try {
    const header = parseProxyHeader(Buffer.from(input));
    if (header.kind === 'proxied' && isIP(header.address) === 0) throw new Error('not an address');
  } catch (error) {
    if (!(error instanceof ProxyHeaderError)) throw error;
  }
}
