import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fuzz, seeds } from '../../fuzz/proxy-header.fuzz.ts';
import { parseProxies } from '../../src/gateway/proxied-connections.ts';
import { type ProxyHeader, parseProxyHeader } from '../../src/gateway/proxy-header.ts';

interface Vector {
  readonly header: string;
  readonly expected?: ProxyHeader;
  readonly reason?: string;
}

const root = join(import.meta.dirname, '../../../../conformance/vectors/proxy');

describe.each(['valid', 'invalid'])('%s vectors of PROXY headers', (kind) => {
  test.each(readdirSync(join(root, kind)))('%s', (file) => {
    const {
      header,
      expected,
      reason = '',
    }: Vector = JSON.parse(readFileSync(join(root, kind, file), 'utf8'));
    const parse = () => parseProxyHeader(Buffer.from(header, 'hex'));
    if (expected === undefined) expect(parse).toThrow(reason);
    else expect(parse()).toEqual(expected);
  });
});

describe('a PROXY header', () => {
  const ipv4 = fc.record({ family: fc.constant(0x11), address: fc.ipV4() });
  const ipv6 = fc.record({ family: fc.constant(0x21), address: fc.ipV6() });

  test('gives back the address it was made of, whatever values follow', () => {
    const value = fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 100 }));
    const peer = fc.record({ peer: fc.oneof(ipv4, ipv6), port: fc.nat(65_535) });
    fc.assert(
      fc.property(peer, fc.array(value, { maxLength: 4 }), ({ peer: { family, address }, port }, values) => {
        const source = bytesOf(address);
        const ports = Buffer.from([port >> 8, port & 255, 0, 1]);
        const rest = Buffer.concat([source, Buffer.alloc(source.length), ports, ...values.map(encodeValue)]);
        const head = Buffer.from([...Buffer.from('0d0a0d0a000d0a515549540a', 'hex'), 0x21, family]);
        const length = Buffer.from([rest.length >> 8, rest.length & 255]);
        const parsed = parseProxyHeader(Buffer.concat([head, length, rest]));
        if (parsed.kind !== 'proxied') throw new Error(parsed.kind);
        expect([bytesOf(parsed.address), parsed.port]).toEqual([source, port]);
      }),
    );
  });

  test('is read or refused in our own words, whatever the bytes', () => {
    for (const seed of seeds) fuzz(seed);
    const changed = fc
      .tuple(fc.constantFrom(...seeds), fc.nat(60), fc.nat(255), fc.uint8Array({ maxLength: 20 }))
      .map(([seed, at, byte, more]) => {
        const bytes = Buffer.concat([seed, more]);
        bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 600 })), fuzz));
  });
});

test('proxies are addresses and networks, and nothing else', () => {
  expect(parseProxies([])).toBeUndefined();
  const proxies = parseProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])!;
  const asked = ['10.1.2.3', '11.1.2.3', '192.0.2.7', '192.0.2.8'].map((address) =>
    proxies.check(address, 'ipv4'),
  );
  expect(asked).toEqual([true, false, true, false]);
  expect(proxies.check('fd00::1', 'ipv6')).toBe(true);
  for (const wrong of ['proxy.example', '10.0.0.0/33', '10.0.0.0/', '::/129', ''])
    expect(() => parseProxies([wrong])).toThrow(expect.objectContaining({ code: 'config.invalid' }));
});

function encodeValue([type, bytes]: readonly [number, Uint8Array]): Buffer {
  return Buffer.concat([Buffer.from([type, bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** By the URL parser, which is another implementation than the one under test. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - front.length - back.length).fill('0');
  return Buffer.from(
    [...front, ...zeros, ...back].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]),
  );
}
