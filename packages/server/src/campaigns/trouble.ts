import type { ThingName } from '@fleetward/core';
import type { TroubleKind, TroubleRule } from './terms.ts';

/** Device-hours in which things were seen, and of them those with trouble: a thing counts once an hour, however often it has it. */
export interface TroubleCount {
  readonly troubled: number;
  readonly deviceHours: number;
}

/** Things that have the release, and things of the same campaign that wait for their first turn. */
export type Side = 'updated' | 'rest';
export type HourCount = Readonly<Record<Side, TroubleCount>>;

/** What was seen of one kind of trouble. */
export interface TroubleSeen {
  readonly kind: TroubleKind;
  readonly hours: readonly HourCount[];
  /** Updated things that had it, at least once. */
  readonly things: readonly ThingName[];
}

/** Both sides, over the hours in which both were seen. */
export interface TroubleFinding extends Readonly<Record<Side, TroubleCount>> {
  readonly kind: TroubleKind;
  /** Updated things that had it. */
  readonly things: number;
  /** Some of their names. */
  readonly thingNames: readonly ThingName[];
}

/** One-sided: a difference of this many standard deviations is not chance, also where it is looked at every second. */
const deviationsMin = 4;
const namesMax = 20;
const namesToldMax = 5;

export function findingOf({ kind, hours, things }: TroubleSeen): TroubleFinding {
  const shared = hours.filter(isShared);
  return {
    kind,
    updated: sumOf(shared, 'updated'),
    rest: sumOf(shared, 'rest'),
    things: things.length,
    thingNames: things.slice(0, namesMax),
  };
}

/** The first rule that is broken, with what was found; `undefined` while all is well, or not enough is known. */
export function brokenTrouble(
  rules: readonly TroubleRule[],
  seen: readonly TroubleSeen[],
): TroubleFinding | undefined {
  for (const rule of rules) {
    const ofKind = seen.find(({ kind }) => kind === rule.kind);
    if (ofKind === undefined) continue;
    const finding = findingOf(ofKind);
    if (isEnough(finding, rule) && isNoChance(ofKind.hours)) return finding;
  }
  return undefined;
}

function isEnough(
  { updated, rest, things }: TroubleFinding,
  { thingsMin, deviceHoursMin, timesMin }: TroubleRule,
): boolean {
  if (things < thingsMin || Math.min(updated.deviceHours, rest.deviceHours) < deviceHoursMin) return false;
  // Multiplied out: the rest may have had none at all.
  return updated.troubled * rest.deviceHours >= timesMin * rest.troubled * updated.deviceHours;
}

/**
 * Mantel and Haenszel's test with continuity correction: in each hour so many of all would have had trouble on the updated side if it
 * made no difference; how far above that it is, over all hours. What troubles both sides alike, such as a network that is down, does not count.
 */
function isNoChance(hours: readonly HourCount[]): boolean {
  let excess = -0.5;
  let variance = 0;
  for (const { updated, rest } of hours.filter(isShared)) {
    const all = updated.deviceHours + rest.deviceHours;
    const troubled = updated.troubled + rest.troubled;
    const share = updated.deviceHours / all;
    excess += updated.troubled - share * troubled;
    variance += (share * (1 - share) * troubled * (all - troubled)) / (all - 1);
  }
  return variance > 0 && excess >= deviationsMin * Math.sqrt(variance);
}

/** An hour in which one side was not there says nothing of the difference. */
function isShared({ updated, rest }: HourCount): boolean {
  return updated.deviceHours > 0 && rest.deviceHours > 0;
}

function sumOf(hours: readonly HourCount[], side: Side): TroubleCount {
  return {
    troubled: hours.reduce((sum, hour) => sum + hour[side].troubled, 0),
    deviceHours: hours.reduce((sum, hour) => sum + hour[side].deviceHours, 0),
  };
}

const words: Readonly<Record<TroubleKind, string>> = {
  disconnects: 'lost their connection',
  denials: 'were denied what they asked for',
};

/** For people: what was counted, on both sides, and on which things. */
export function troubleText({ kind, updated, rest, things, thingNames }: TroubleFinding): string {
  const named = thingNames.slice(0, namesToldMax);
  const more = things > named.length ? ` and ${things - named.length} more` : '';
  return `updated things ${words[kind]} in ${rateText(updated)}, things that wait in ${rateText(rest)}: ${named.join(', ')}${more}`;
}

function rateText({ troubled, deviceHours }: TroubleCount): string {
  const percent = deviceHours === 0 ? 0 : (100 * troubled) / deviceHours;
  return `${troubled} of ${deviceHours} device-hours (${Number(percent.toPrecision(2))} %)`;
}
