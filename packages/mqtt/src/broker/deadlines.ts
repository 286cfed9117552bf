import type { Intake } from './intake.ts';
import type { BrokerLimits } from './limits.ts';
import type { Outlet } from './outlet.ts';

/** What the deadlines of an open connection follow from. */
export interface Watched {
  readonly intake: Pick<Intake, 'isHeld' | 'lastPacketMs' | 'packetSinceMs'>;
  readonly outlet: Pick<Outlet, 'stalledMs'>;
  /** 0: it may be silent for ever. */
  readonly keepAliveMs: number;
  readonly limits: Pick<BrokerLimits, 'stalledWriteMs' | 'packetTimeoutMs'>;
}

/** What has taken too long: a write, the peer's next packet, or the rest of one that it began. */
export type Overdue = 'write' | 'silence' | 'packet';

export function overdue(watched: Watched, nowMs: number): Overdue | undefined {
  const { intake, outlet, limits } = watched;
  if (outlet.stalledMs(nowMs) >= limits.stalledWriteMs) return 'write';
  if (intake.isHeld) return undefined; // what the peer sends is not looked at, so it is not late with it
  if (nowMs >= silenceEndsMs(watched)) return 'silence';
  const { packetSinceMs } = intake;
  return packetSinceMs !== 0 && nowMs - packetSinceMs >= limits.packetTimeoutMs ? 'packet' : undefined;
}

/** When to look again. A packet that begins after this look is seen by the next one before its time is up. */
export function nextLookMs(watched: Watched, nowMs: number): number {
  const { packetSinceMs } = watched.intake;
  const { stalledWriteMs, packetTimeoutMs } = watched.limits;
  const packetEndsMs = (packetSinceMs === 0 ? nowMs : packetSinceMs) + packetTimeoutMs;
  return Math.min(silenceEndsMs(watched), packetEndsMs, nowMs + stalledWriteMs);
}

function silenceEndsMs({ intake, keepAliveMs }: Watched): number {
  return keepAliveMs === 0 ? Number.POSITIVE_INFINITY : intake.lastPacketMs + keepAliveMs;
}
