import type { ThingName } from '@fleetward/core';
import type { TroubleKind } from './terms.ts';
import type { HourCount, Side, TroubleSeen } from './trouble.ts';

const hourMs = 3_600_000;
/** Hours that are compared. */
const hoursMax = 24;
/** Updated things with trouble that are told apart. */
const troubledMax = 1_000;
const kinds = ['disconnects', 'denials'] as const satisfies readonly TroubleKind[];

/** What was seen of a thing: that it is there, or trouble, which says so too. */
export type Sight = 'present' | TroubleKind;

interface Hour {
  readonly number: number;
  /** Device-hours of each side with each sight; each is counted among those that are present. */
  readonly counts: Record<Side, Record<Sight, number>>;
}

// One bit for each side and sight.
const bits: Readonly<Record<Side, Readonly<Record<Sight, number>>>> = {
  updated: { present: 1, disconnects: 2, denials: 4 },
  rest: { present: 8, disconnects: 16, denials: 32 },
};

/**
 * Counts, for one campaign, the device-hours of updated things and of those that wait, and in how many of them there was trouble; the
 * last 24 hours of it. In memory alone: after a restart it begins to count anew.
 */
export class TroubleWatch {
  #hours: Hour[] = [];
  /** Of the hour that runs. */
  readonly #noted = new Map<ThingName, number>();
  /** Updated things that had it, with the last hour in which they did. */
  readonly #troubled: Readonly<Record<TroubleKind, Map<ThingName, number>>> = {
    disconnects: new Map(),
    denials: new Map(),
  };

  /** Updated things whose trouble an operator knew of and went on: no news any more. */
  readonly #known: Readonly<Record<TroubleKind, Set<ThingName>>> = {
    disconnects: new Set(),
    denials: new Set(),
  };

  note(
    thingName: ThingName,
    { side, sight: seen, nowMs }: { readonly side: Side; readonly sight: Sight; readonly nowMs: number },
  ): void {
    const sight = seen !== 'present' && this.#known[seen].has(thingName) ? 'present' : seen;
    const { number, counts } = this.#hourAt(nowMs);
    const before = this.#noted.get(thingName) ?? 0;
    const after = before | bits[side].present | bits[side][sight];
    if (after === before) return;
    this.#noted.set(thingName, after);
    if ((before & bits[side].present) === 0) counts[side].present++;
    if (sight === 'present') return;
    counts[side][sight]++;
    if (side === 'updated') this.#noteTroubled(this.#troubled[sight], thingName, number);
  }

  /** What is known, as of the last hour in which something was seen. */
  seen(): readonly TroubleSeen[] {
    return kinds.map((kind) => ({
      kind,
      hours: this.#hours.map(({ counts }) => countOf(counts, kind)),
      things: [...this.#troubled[kind].keys()],
    }));
  }

  /** Begins anew, and what the things that had trouble of a kind have of it later does not count: a pause is for what nobody knew. */
  goOn(kind: TroubleKind): void {
    this.#hours = [];
    this.#noted.clear();
    for (const thingName of this.#troubled[kind].keys()) this.#known[kind].add(thingName);
    for (const each of kinds) this.#troubled[each].clear();
  }

  /** The hour that runs; where the clock went back, the one that ran before. */
  #hourAt(nowMs: number): Hour {
    const number = Math.floor(nowMs / hourMs);
    const last = this.#hours.at(-1);
    if (last !== undefined && number <= last.number) return last;
    const hour = { number, counts: { updated: nothing(), rest: nothing() } };
    this.#hours = [...this.#hours, hour].filter((one) => one.number > number - hoursMax);
    this.#noted.clear();
    for (const kind of kinds)
      for (const [thingName, hadIt] of this.#troubled[kind])
        if (hadIt <= number - hoursMax) this.#troubled[kind].delete(thingName);
    return hour;
  }

  #noteTroubled(things: Map<ThingName, number>, thingName: ThingName, hour: number): void {
    if (things.has(thingName) || things.size < troubledMax) things.set(thingName, hour);
  }
}

function nothing(): Record<Sight, number> {
  return { present: 0, disconnects: 0, denials: 0 };
}

function countOf(counts: Hour['counts'], kind: TroubleKind): HourCount {
  const of = (side: Side) => ({ troubled: counts[side][kind], deviceHours: counts[side].present });
  return { updated: of('updated'), rest: of('rest') };
}
