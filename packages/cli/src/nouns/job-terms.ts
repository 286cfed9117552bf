import { parseStrictJson } from '@fleetward/core';
import type { createJob, Part } from '@fleetward/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { repeatable, whole } from '../define.ts';
import { CliError, usage } from '../errors.ts';
import { parseDurationMs } from '../moment.ts';
import { parseAbort } from './campaign-terms.ts';

type Body = Part<(typeof createJob)['body']>;

export interface JobFlags {
  readonly id?: string;
  readonly document: string;
  readonly description?: string;
  readonly thing?: readonly string[];
  readonly group?: readonly string[];
  readonly continuous?: boolean;
  readonly rate?: number;
  readonly rateMax?: number;
  readonly rateFactor?: number;
  readonly rateIncreaseAfter?: number;
  readonly rateIncreaseOn?: 'notified' | 'succeeded';
  readonly abort?: NonNullable<Body['abort']>;
  readonly timeOut?: string;
  readonly retriesFailed?: number;
  readonly retriesTimedOut?: number;
}

const minuteMs = 60_000;
const retry = (flag: string, what: string) =>
  whole(`${flag} <count>`, { description: `executions more after one that ${what}`, min: 0, max: 10 });

export function addJobOptions(verb: Command): Command {
  return verb
    .requiredOption('--document <file>', 'the document, a JSON object; `-` is standard input')
    .option('--id <job-id>', 'its id, 1 to 64 letters, digits and `_-`; one is made if not given')
    .option('--description <text>', 'what people read')
    .addOption(repeatable('--thing <name>', 'this thing'))
    .addOption(repeatable('--group <name>', 'things of this group and under it'))
    .option('--continuous', 'things that come to the groups later get it too; goes on until it is cancelled')
    .addOption(new Option('--rate <rate>', 'things a minute; default `1000/min`').argParser(parseJobRate))
    .addOption(new Option('--rate-max <rate>', 'where a growing rate ends').argParser(parseJobRate))
    .addOption(new Option('--rate-factor <factor>', 'by which it grows, 1 to 5').argParser(parseJobFactor))
    .addOption(
      whole('--rate-increase-after <count>', {
        description: 'it grows each time so many more things were notified',
        min: 1,
        max: 1_000_000,
      }),
    )
    .addOption(
      new Option('--rate-increase-on <what>', 'what is counted for that; default `notified`').choices([
        'notified',
        'succeeded',
      ]),
    )
    .addOption(
      new Option(
        '--abort <rule>',
        'cancels it: `10%/20`, of at least 20 that ended 10 % did not succeed; `FAILED:`, `REJECTED:` or `TIMED_OUT:` before it counts those alone (may be repeated)',
      ).argParser(parseAbort),
    )
    .option('--time-out <duration>', 'of one execution, from its start on: `10m`, `2h`; else none')
    .addOption(retry('--retries-failed', 'failed'))
    .addOption(retry('--retries-timed-out', 'timed out; together at most 10'));
}

/** What the flags say; the platform has a standard for the rest. Throws `cli.usage`, `cli.unreadable`. */
export function jobBody(flags: JobFlags, document: Uint8Array): Body {
  const { id, description, thing, group, continuous, abort, timeOut } = flags;
  if (thing === undefined && group === undefined)
    throw usage('for which things is not said', 'give `--thing` or `--group`, also several times');
  const rate = rateOf(flags);
  const { retriesFailed, retriesTimedOut } = flags;
  return {
    document: parseDocument(document, flags.document),
    ...(id === undefined ? {} : { jobId: id }),
    ...(description === undefined ? {} : { description }),
    ...(thing === undefined ? {} : { thingNames: [...thing] }),
    ...(group === undefined ? {} : { groupNames: [...group] }),
    ...(continuous === undefined ? {} : { isContinuous: continuous }),
    ...(rate === undefined ? {} : { rate }),
    ...(abort === undefined ? {} : { abort }),
    ...(timeOut === undefined
      ? {}
      : { inProgressMinutes: Math.max(1, Math.round(parseDurationMs(timeOut, '--time-out') / minuteMs)) }),
    retries: {
      ...(retriesFailed === undefined ? {} : { failed: retriesFailed }),
      ...(retriesTimedOut === undefined ? {} : { timedOut: retriesTimedOut }),
    },
  };
}

export const documentBytesMax = 131_072;

function parseDocument(bytes: Uint8Array, path: string): Record<string, unknown> {
  try {
    const value = parseStrictJson(bytes, { bytesMax: documentBytesMax, depthMax: 64, valuesMax: 100_000 });
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (cause) {
    throw new CliError('cli.unreadable', `\`${path}\` is no JSON: ${(cause as Error).message}`, { cause });
  }
  throw new CliError('cli.unreadable', `\`${path}\` holds no JSON object`);
}

function rateOf(flags: JobFlags): Body['rate'] {
  const { rate, rateMax, rateFactor = 1, rateIncreaseAfter, rateIncreaseOn = 'notified' } = flags;
  if (rate === undefined) {
    if (rateMax === undefined && rateIncreaseAfter === undefined && rateFactor === 1) return undefined;
    throw usage('how a rate grows says nothing without `--rate`', 'give `--rate` too');
  }
  return {
    baseRatePerMinute: rate,
    incrementFactor: rateFactor,
    ...(rateIncreaseAfter === undefined
      ? {}
      : { increaseAfter: { of: rateIncreaseOn, count: rateIncreaseAfter } }),
    maximumPerMinute: rateMax ?? rate,
  };
}

function parseJobRate(text: string): number {
  const [, count] = /^([1-9]\d{0,3})(?:\/min)?$/.exec(text) ?? [];
  if (count !== undefined && Number(count) <= 1_000) return Number(count);
  throw new InvalidArgumentError('Expected a number from 1 to 1000 a minute, such as `10/min`.');
}

function parseJobFactor(text: string): number {
  const factor = /^\d(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (factor >= 1 && factor <= 5) return factor;
  throw new InvalidArgumentError('Expected a number from 1 to 5, such as `1.5`.');
}
