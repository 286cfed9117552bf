import type { createCampaign, Part } from '@fleetward/protocol';
import { InvalidArgumentError } from 'commander';
import { usage } from '../errors.ts';
import { parseDurationMs } from '../moment.ts';

type Body = Part<(typeof createCampaign)['body']>;
type Stages = NonNullable<Body['stages']>;

export interface TermFlags {
  readonly stages?: Stages;
  readonly success?: number;
  readonly rate?: number;
  readonly rateMax?: number;
  readonly rateFactor?: number;
  readonly rateIncreaseAfter?: number;
  readonly rateIncreaseOn?: 'notified' | 'succeeded';
  readonly abort?: NonNullable<Body['abort']>;
  readonly trouble?: NonNullable<Body['trouble']>;
  readonly window?: Pick<NonNullable<Body['window']>, 'days' | 'fromMinute' | 'toMinute'>;
  readonly timeZone?: string;
  readonly fromVersion?: readonly string[];
  readonly requires?: Readonly<Record<string, string>>;
  readonly battery?: number;
  readonly retries?: number;
  readonly timeOut?: string;
  readonly bandwidth?: number;
}

const minuteMs = 60_000;
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** What of the terms was said; the platform has a standard for the rest. Throws `cli.usage` for a flag that would say nothing. */
export function termsOf(flags: TermFlags): Partial<Body> {
  assertSaysSomething(flags);
  const { stages, success, abort, trouble, window, timeZone } = flags;
  const { retries, timeOut, bandwidth } = flags;
  const rate = rateOf(flags);
  return {
    ...(stages === undefined ? {} : { stages: withSuccess(stages, success) }),
    ...(rate === undefined ? {} : { rate }),
    ...(abort === undefined ? {} : { abort }),
    ...(trouble === undefined ? {} : { trouble }),
    ...(window === undefined ? {} : { window: { ...window, timeZone: timeZone ?? 'UTC' } }),
    ...prerequisitesOf(flags),
    ...(retries === undefined
      ? {}
      : { retry: { retriesMax: retries, firstDelayMinutes: 5, delayMaxMinutes: 240 } }),
    ...(timeOut === undefined
      ? {}
      : { timeOutMinutes: Math.max(1, Math.round(parseDurationMs(timeOut, '--time-out') / minuteMs)) }),
    ...(bandwidth === undefined ? {} : { bytesPerSecondMax: bandwidth }),
  };
}

function prerequisitesOf({ fromVersion, requires, battery }: TermFlags): Pick<Body, 'prerequisites'> {
  if (fromVersion === undefined && requires === undefined && battery === undefined) return {};
  return {
    prerequisites: {
      ...(fromVersion === undefined ? {} : { fromVersions: [...fromVersion] }),
      ...(requires === undefined ? {} : { attributes: requires }),
      ...(battery === undefined ? {} : { batteryPercentMin: battery }),
    },
  };
}

const needs = [
  ['success', 'stages'],
  ['timeZone', 'window'],
  ['rateMax', 'rate'],
  ['rateFactor', 'rate'],
  ['rateIncreaseAfter', 'rate'],
  ['rateIncreaseOn', 'rateIncreaseAfter'],
] as const satisfies readonly (readonly [keyof TermFlags, keyof TermFlags])[];

function assertSaysSomething(flags: TermFlags): void {
  const lone = needs.find(([name, other]) => flags[name] !== undefined && flags[other] === undefined);
  if (lone === undefined) return;
  const [name, other] = lone.map(
    (flag) => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  );
  throw usage(`\`${name}\` says nothing without \`${other}\``, `give \`${other}\` too`);
}

/** The last stage has nothing to go on to. */
function withSuccess(stages: Stages, success = 95): Stages {
  return stages.map((stage, at) => ({
    ...stage,
    successPercentMin: at === stages.length - 1 ? 0 : success,
  }));
}

function rateOf(flags: TermFlags): Body['rate'] {
  const { rate, rateMax, rateFactor = 1, rateIncreaseAfter, rateIncreaseOn = 'notified' } = flags;
  if (rate === undefined) return undefined;
  return {
    baseRatePerMinute: rate,
    incrementFactor: rateFactor,
    ...(rateIncreaseAfter === undefined
      ? {}
      : { increaseAfter: { of: rateIncreaseOn, count: rateIncreaseAfter } }),
    maximumPerMinute: rateMax ?? rate,
  };
}

/** `1,5%,50%,100%`: things, or percent of them, that have been reached when a stage is full. */
export function parseStages(text: string): Stages {
  return text.split(',').map((part) => {
    const [, count, percent] = /^(\d{1,6}|\d{1,2}\.\d{1,2}(?=%))(%)?$/.exec(part.trim()) ?? [];
    if (count === undefined || Number(count) === 0)
      throw new InvalidArgumentError('Expected numbers and percentages, such as `1,0.5%,50%,100%`.');
    const share =
      percent === undefined
        ? { kind: 'things' as const, count: Number(count) }
        : { kind: 'percent' as const, percent: Number(count) };
    return { share, successPercentMin: 0 };
  });
}

/** `10%/20`, or `TIMED_OUT:10%/20`: so much of at least so many. */
export function parseAbort(
  text: string,
  before: NonNullable<Body['abort']> = [],
): NonNullable<Body['abort']> {
  const [, failure = 'ALL', percent, count] =
    /^(?:(FAILED|REJECTED|TIMED_OUT|ALL):)?([1-9]\d{0,2})%\/([1-9]\d{0,5})$/.exec(text) ?? [];
  if (percent === undefined || count === undefined)
    throw new InvalidArgumentError('Expected a share of at least so many things, such as `10%/20`.');
  const rule = { failure: failure as 'ALL', executedMin: Number(count), percent: Number(percent) };
  return [...before, rule];
}

/** `2x/5`, `denials:2x/5` or `2x/5/40h`: so many times the rate of the others, of at least so many things in so many device-hours; `none`. */
export function parseTrouble(
  text: string,
  before: NonNullable<Body['trouble']> = [],
): NonNullable<Body['trouble']> {
  if (text === 'none') return before;
  const [, kind, times, things, hours = 10] =
    /^(?:(disconnects|denials):)?(\d{1,3}(?:\.\d)?)x\/([1-9]\d{0,3})(?:\/([1-9]\d{0,5})h)?$/.exec(text) ?? [];
  if (times === undefined || things === undefined)
    throw new InvalidArgumentError(
      'Expected how many times as often, of how many things, and in how many hours of things if it is not 10: `2x/5`, `2x/5/40h`, or `none`.',
    );
  const rule = { thingsMin: Number(things), deviceHoursMin: Number(hours), timesMin: Number(times) };
  const kinds = kind === undefined ? (['disconnects', 'denials'] as const) : [kind as 'denials'];
  return [...before, ...kinds.map((one) => ({ kind: one, ...rule }))];
}

/** `mon-fri 02:00-04:00`, or `02:00-04:00` for every day. */
export function parseWindow(text: string): NonNullable<TermFlags['window']> {
  const match = /^(?:([a-z]{3})(?:-([a-z]{3}))? )?(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text.toLowerCase());
  const [, first, last = first, ...time] = match ?? [];
  const [fromHour = 0, fromMinutes = 0, toHour = 0, toMinutes = 0] = time.map(Number);
  const [from, to] = first === undefined ? [0, 6] : [days.indexOf(first), days.indexOf(last ?? first)];
  const isTime = fromHour < 24 && toHour < 24 && fromMinutes < 60 && toMinutes < 60;
  if (match === null || from < 0 || to < 0 || !isTime)
    throw new InvalidArgumentError('Expected days and times, such as `mon-fri 02:00-04:00`.');
  const length = ((to - from + 7) % 7) + 1;
  return {
    days: Array.from({ length }, (_, at) => (from + at) % 7),
    fromMinute: fromHour * 60 + fromMinutes,
    toMinute: toHour * 60 + toMinutes,
  };
}

export function parseRate(text: string): number {
  const [, count] = /^([1-9]\d{0,4})(?:\/min)?$/.exec(text) ?? [];
  if (count === undefined || Number(count) > 60_000)
    throw new InvalidArgumentError('Expected a number from 1 to 60000 a minute, such as `10/min`.');
  return Number(count);
}
