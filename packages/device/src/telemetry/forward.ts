import { setTimeout as sleep } from 'node:timers/promises';
import { REASON } from '@fleetward/mqtt/codec';
import { DeviceError } from '../errors.ts';
import type { DeviceConnection } from '../sdk/connect-device.ts';
import type { QueuedMessage, TelemetryQueue } from './queue.ts';

export interface ForwardingOptions {
  /** Messages under way at once; default 16. The platform may take fewer. */
  readonly inFlightMax?: number;
  /** Before one that the platform cannot take now is sent again; default 5,000. */
  readonly retryMs?: number;
  /** Told of a message that the platform will never take; it leaves the queue. */
  readonly onRefused?: (message: QueuedMessage, error: DeviceError) => void;
}

export interface Forwarding {
  /** `refused`: left the queue because the platform will never take them. */
  readonly counts: { readonly sent: number; readonly refused: number };
  /** Takes no more, and waits up to `drainMs` (default 5,000) for what is under way. Close the connection next, then the queue. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** PUBACK: the server is short of something, and the message is as good as another. */
const passing: ReadonlySet<unknown> = new Set([
  REASON.unspecifiedError,
  REASON.implementationSpecificError,
  REASON.quotaExceeded,
]);

/**
 * Publishes what is in the queue with QoS 1, oldest first, whenever there is a connection; a message leaves the queue when the platform
 * has acknowledged it.
 */
export function forwardTelemetry(
  queue: TelemetryQueue,
  connection: DeviceConnection,
  options: ForwardingOptions = {},
): Forwarding {
  const { inFlightMax = 16, retryMs = 5_000, onRefused } = options;
  const underWay = new Set<Promise<void>>();
  const counts = { sent: 0, refused: 0 };
  const stopped = new AbortController();

  function pump(): void {
    while (!stopped.signal.aborted && connection.isConnected && underWay.size < inFlightMax) {
      const message = queue.take();
      if (message === undefined) return;
      const sending = send(message).finally(() => {
        underWay.delete(sending);
        pump();
      });
      underWay.add(sending);
    }
  }

  async function send(message: QueuedMessage): Promise<void> {
    for (;;) {
      const error = await publish(message);
      if (error === undefined) counts.sent++;
      else if (error.code === 'device.closed') return;
      else if (isPassing(error)) {
        if (await pause(retryMs, stopped.signal)) continue;
        return;
      } else {
        counts.refused++;
        onRefused?.(message, error);
      }
      queue.done(message.seq);
      return;
    }
  }

  async function publish({ topic, payload }: QueuedMessage): Promise<DeviceError | undefined> {
    try {
      await connection.publish(topic, payload);
      return undefined;
    } catch (error) {
      if (error instanceof DeviceError) return error;
      throw error;
    }
  }

  const forget = [queue.observe(pump), connection.observe(({ kind }) => kind === 'connected' && pump())];
  pump();
  return {
    counts,
    async close({ drainMs = 5_000 } = {}) {
      stopped.abort();
      for (const stop of forget) stop();
      const drained = new AbortController();
      await Promise.race([Promise.all(underWay), pause(drainMs, drained.signal)]);
      drained.abort();
    },
  };
}

function isPassing(error: DeviceError): boolean {
  return error.code === 'device.queue_full' || passing.has(error.details.reasonCode);
}

/** False when it was cut short. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}
