import { describe, expect, test } from 'vitest';
import { assertHookUrl, isOwnAddress } from '../../src/provisioning/rules.ts';

describe('the address of a hook', () => {
  test.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:0:0',
  ])('is on this machine at %s, by whatever spelling', (address) => {
    expect(isOwnAddress(address)).toBe(true);
    const hookHosts = [new URL(`https://${address.includes(':') ? `[${address}]` : address}/`).host];
    const url = `https://${hookHosts[0]}/`;
    expect(() => assertHookUrl(url, { hookHosts, hookMayBeLoopback: false })).toThrow('loopback');
    expect(() => assertHookUrl(url, { hookHosts, hookMayBeLoopback: true })).not.toThrow();
  });

  test('is elsewhere at an address of another network', () => {
    for (const address of ['128.0.0.1', '10.0.0.1', '::2', '::ffff:10.0.0.1', 'localhost.example'])
      expect(isOwnAddress(address), address).toBe(false);
  });
});
