import type { AbortRule } from '../abort-rule.ts';
import type { Rate } from '../rollout-rate.ts';

/** How far a stage reaches: in all, from the first stage on. */
export type StageShare =
  | { readonly kind: 'things'; readonly count: number }
  | { readonly kind: 'percent'; readonly percent: number };

export interface Stage {
  readonly share: StageShare;
  /** Things of the stage that must have ended before it is judged; all of them if not given. */
  readonly executedMin?: number;
  /** Of those that ended; below it the campaign pauses. */
  readonly successPercentMin: number;
}

export type TroubleKind = 'disconnects' | 'denials';

/** The campaign pauses when updated things have trouble more often than those of it that wait for their turn. */
export interface TroubleRule {
  readonly kind: TroubleKind;
  /** Updated things that must have had it: no single one pauses a campaign. */
  readonly thingsMin: number;
  /** Hours of things that were there, on each side, before they are compared. */
  readonly deviceHoursMin: number;
  /** How many times the rate of the others. */
  readonly timesMin: number;
}

/** When a device may begin, by its own clock on the wall: `to` at or before `from` is on the next day. */
export interface MaintenanceWindow {
  /** 0 is Sunday; of a window over midnight, the day on which it opens. */
  readonly days: readonly number[];
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name, for things without an attribute `timezone`. */
  readonly timeZone: string;
}

export interface Prerequisites {
  /** Versions from which the update is tried; empty: from any. */
  readonly fromVersions: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  /** As the device reported it last; one that never did waits. */
  readonly batteryPercentMin?: number;
}

/** After a failure that may pass: full jitter over a delay that doubles. */
export interface Retry {
  readonly retriesMax: number;
  readonly firstDelayMs: number;
  readonly delayMaxMs: number;
}

/** How a release is rolled out; settled when the campaign is made. */
export interface Terms {
  /** The last one reaches everything. */
  readonly stages: readonly Stage[];
  readonly rate: Rate;
  /** The campaign halts when one is broken in one stage. */
  readonly abort: readonly AbortRule[];
  /** Campaigns from before there were such rules have none. */
  readonly trouble?: readonly TroubleRule[];
  readonly window?: MaintenanceWindow;
  readonly prerequisites: Prerequisites;
  readonly retry: Retry;
  /** From the offer to the end of one attempt. */
  readonly timeOutMs: number;
  /** Of all its downloads together. */
  readonly bytesPerSecondMax?: number;
}
