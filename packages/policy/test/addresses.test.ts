import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkContains, parseAddress, parseNetwork } from '../src/addresses.ts';

describe('addresses', () => {
  it('are accepted exactly when Node accepts them', () => {
    const scraps = fc.string({
      unit: fc.constantFrom('0', '1', 'f', ':', '::', '.', '255', '1.2.3.4'),
      maxLength: 9,
    });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), scraps), (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0);
      }),
      { numRuns: 3000 },
    );
  });

  it('are in a range exactly when Node says so', () => {
    const v4 = fc.record({ range: fc.ipV4(), bits: fc.integer({ min: 0, max: 32 }), address: fc.ipV4() });
    const v6 = fc.record({ range: fc.ipV6(), bits: fc.integer({ min: 0, max: 128 }), address: fc.ipV6() });
    fc.assert(
      fc.property(fc.oneof(v4, v6), ({ range, bits, address }) => {
        const family = range.includes(':') ? 'ipv6' : 'ipv4';
        const oracle = new BlockList();
        oracle.addSubnet(range, bits, family);
        const network = parseNetwork(`${range}/${bits}`);
        // Mapped addresses are IPv4 to us; a range wider than the mapped block cannot be one.
        if (network === undefined) return expect(range.toLowerCase()).toContain('ffff');
        for (const candidate of [address, range]) {
          const parsed = parseAddress(candidate)!;
          if (parsed.bits === network.bits) {
            expect(networkContains(network, parsed)).toBe(oracle.check(candidate, family));
          }
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('mapped into IPv6 are the IPv4 addresses they mean', () => {
    expect(parseAddress('::ffff:192.0.2.1')).toEqual(parseAddress('192.0.2.1'));
    expect(parseAddress('::ffff:c000:201')).toEqual(parseAddress('192.0.2.1'));
    expect(parseNetwork('::ffff:192.0.2.0/120')).toEqual(parseNetwork('192.0.2.0/24'));
  });
});
