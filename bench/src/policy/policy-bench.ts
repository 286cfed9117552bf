import { median } from '../figures.ts';
import { casbin } from './casbin-contender.ts';
import { cachedCedar, freshCedar } from './cedar-contender.ts';
import { assertAlike, type Contender, type ContenderName, contenderNames } from './contender.ts';
import { cachedFleetward, freshFleetward } from './fleetward-contender.ts';
import { decisionsPerSecond } from './measure.ts';
import { areaRequests, areaRules, deviceRequests, deviceRules, type PolicyRequest } from './rules.ts';

/** What `--json` prints of the decisions: medians over the rounds, ratios within each. */
export interface DecisionFigures {
  readonly title: string;
  readonly requests: number;
  readonly allowed: number;
  readonly rounds: number;
  /** A second of processor time, on one core. */
  readonly decisionsPerSecond: Readonly<Record<ContenderName, number>>;
  /** Fleetward over the other. */
  readonly ratios: Readonly<Record<Exclude<ContenderName, 'fleetward'>, number>>;
  readonly runs: Readonly<Record<ContenderName, readonly number[]>>;
}

interface Measuring {
  readonly seconds: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
}

/** A device that is connected: six statements, its principal compiled once. */
export async function benchCached(measuring: Measuring): Promise<DecisionFigures> {
  const contenders = [
    cachedFleetward(deviceRules, deviceRequests),
    await casbin(deviceRules, deviceRequests),
    cachedCedar(deviceRules, deviceRequests),
  ];
  const title = 'six statements, one device, its principal compiled once';
  return compare(contenders, { title, requests: deviceRequests, ...measuring });
}

/** Devices nobody has seen: fifty statements, a new principal for each decision. */
export async function benchFresh(measuring: Measuring): Promise<DecisionFigures> {
  const contenders = [
    freshFleetward(areaRules, areaRequests),
    await casbin(areaRules, areaRequests),
    freshCedar(areaRules, areaRequests),
  ];
  const title = 'fifty statements, a new principal for each decision';
  return compare(contenders, { title, requests: areaRequests, ...measuring });
}

interface Comparison extends Measuring, Pick<DecisionFigures, 'title'> {
  readonly requests: readonly PolicyRequest[];
}

function compare(
  contenders: readonly Contender[],
  { title, requests, seconds, rounds, signal }: Comparison,
): DecisionFigures {
  const { allowed } = assertAlike(contenders, requests);
  const runs: Record<ContenderName, number[]> = { fleetward: [], casbin: [], cedar: [] };
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another engine: none is always the one after a pause.
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      signal.throwIfAborted();
      const measured = decisionsPerSecond(contender, { requests: requests.length, seconds });
      runs[contender.name].push(Math.round(measured));
    }
  }
  const ratioTo = (peer: ContenderName): number =>
    Math.round(median(runs.fleetward.map((ours, round) => ours / runs[peer][round]!)) * 10) / 10;
  const medians = contenderNames.map((name) => [name, Math.round(median(runs[name]))]);
  return {
    title,
    requests: requests.length,
    allowed,
    rounds,
    decisionsPerSecond: Object.fromEntries(medians) as Record<ContenderName, number>,
    ratios: { casbin: ratioTo('casbin'), cedar: ratioTo('cedar') },
    runs,
  };
}
