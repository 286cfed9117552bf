import type { Clock, Random } from '@fleetward/core';
import type { DeviceConnection } from './connect-device.ts';
import type { DeviceIdentity } from './identity.ts';
import { renew, renewalTimeMs } from './renew.ts';

export interface KeepRenewedOptions {
  /** `https://HOST:PORT` of the platform's device listener. */
  readonly url: string;
  /** Where `enroll` put the identity. */
  readonly folder: string;
  /** The one that the connection has now. */
  readonly identity: DeviceIdentity;
  readonly clock: Clock;
  readonly random: Random;
  /** When a certificate is due; default `renewalTimeMs`. */
  readonly dueMs?: (identity: DeviceIdentity) => number;
  readonly onEvent?: (event: RenewalEvent) => void;
}

export type RenewalEvent =
  | { readonly kind: 'renewed'; readonly identity: DeviceIdentity }
  | { readonly kind: 'not-renewed'; readonly reason: string; readonly retryInMs: number };

export interface Renewal {
  close(): void;
}

/** The clock may jump, and a timer has no more than 24 days. */
const lookMs = 600_000;
const firstRetryMs = 60_000;
const retryMaxMs = 3_600_000;

/**
 * Renews the certificate when it is due, two thirds through its life with each its own jitter, and has the connection go on with it, in
 * the same session. What fails is tried again with full jitter, up to an hour apart.
 */
export function keepRenewed(connection: DeviceConnection, options: KeepRenewedOptions): Renewal {
  const { url, folder, clock, random, dueMs = renewalTimeMs, onEvent } = options;
  let { identity } = options;
  let failures = 0;
  let timer: NodeJS.Timeout;
  let isClosed = false;

  function lookAgainIn(ms: number): void {
    if (!isClosed) timer = setTimeout(() => void look(), ms);
  }

  async function look(): Promise<void> {
    const leftMs = dueMs(identity) - clock.now();
    if (leftMs > 0) {
      lookAgainIn(Math.min(leftMs, lookMs));
      return;
    }
    const reason = await failureOfRenewal();
    if (isClosed) return;
    if (reason === undefined) lookAgainIn(lookMs);
    else {
      const boundMs = Math.min(retryMaxMs, firstRetryMs * 2 ** Math.min(failures++, 20));
      const retryInMs = Math.ceil((boundMs * Buffer.from(random.bytes(4)).readUInt32BE()) / 2 ** 32);
      onEvent?.({ kind: 'not-renewed', reason, retryInMs });
      lookAgainIn(retryInMs);
    }
  }

  /** Nothing where it went well. */
  async function failureOfRenewal(): Promise<string | undefined> {
    try {
      const outcome = await renew({ url, folder, clock });
      if (outcome.kind === 'refused') return outcome.reason;
      identity = outcome.identity;
      failures = 0;
      if (!isClosed) connection.replaceIdentity(identity);
      onEvent?.({ kind: 'renewed', identity });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error); // whatever it was, it is told and tried again
    }
  }

  lookAgainIn(0);
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
