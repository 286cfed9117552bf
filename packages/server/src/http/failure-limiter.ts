import type { Clock } from '@fleetward/core';
import { networkOf } from '../network-of.ts';

const windowMs = 60_000;

export interface FailureLimiter {
  /** Counts one failed authentication of an address. */
  fail(address: string): void;
  /** Seconds until the address may fail again; 0 while it still may. */
  blockedSeconds(address: string): number;
}

/**
 * Counts failed authentications by address in windows of a minute. At most `addressesMax` addresses are remembered: the one
 * that failed first is forgotten first, so that a flood of addresses costs bounded memory. An IPv6 caller is its /64.
 */
export function createFailureLimiter(options: {
  readonly clock: Clock;
  readonly failuresPerMinuteMax: number;
  readonly addressesMax?: number;
}): FailureLimiter {
  const { clock, failuresPerMinuteMax } = options;
  const addressesMax = options.addressesMax ?? 10_000;
  const windows = new Map<string, { readonly startedAtMs: number; failures: number }>();

  function current(address: string) {
    const window = windows.get(address);
    return window !== undefined && clock.now() < window.startedAtMs + windowMs ? window : undefined;
  }

  return {
    fail(address) {
      const key = networkOf(address);
      const window = current(key);
      if (window !== undefined) {
        window.failures++;
        return;
      }
      windows.delete(key);
      if (windows.size >= addressesMax) forgetOldest(windows);
      windows.set(key, { startedAtMs: clock.now(), failures: 1 });
    },
    blockedSeconds(address) {
      const window = current(networkOf(address));
      if (window === undefined || window.failures < failuresPerMinuteMax) return 0;
      return Math.ceil((window.startedAtMs + windowMs - clock.now()) / 1_000);
    },
  };
}

function forgetOldest(windows: Map<string, unknown>): void {
  for (const key of windows.keys()) {
    windows.delete(key);
    return;
  }
}
