import type { PolicyAction } from '../actions.ts';

/** Part of a resource's name between two `/`; `null` where more was seen than is kept apart. */
export type SketchLevel = string | null;

/** Requests of one thing that were decided alike, and how often. */
export interface SketchEntry {
  readonly action: PolicyAction;
  readonly outcome: 'allowed' | 'denied';
  readonly levels: readonly SketchLevel[];
  /** Whether anything may follow the levels. */
  readonly isOpen: boolean;
  readonly count: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

// Of longer names only the beginning is kept.
const levelsMax = 16;
const charactersMax = 256;

/** The levels of a name as a sketch keeps them. */
export function levelsOf(name: string): Pick<SketchEntry, 'levels' | 'isOpen'> {
  const levels = name.split('/');
  let kept = 0;
  for (let room = charactersMax; kept < Math.min(levels.length, levelsMax); kept++) {
    room -= (levels[kept]?.length ?? 0) + 1;
    if (room < -1) break;
  }
  return { levels: levels.slice(0, kept), isOpen: kept < levels.length };
}

/** Whether every name of `one` is also one of `other`. */
export function isWithin(
  one: Pick<SketchEntry, 'levels' | 'isOpen'>,
  other: Pick<SketchEntry, 'levels' | 'isOpen'>,
): boolean {
  if (other.isOpen ? one.levels.length < other.levels.length : one.levels.length !== other.levels.length)
    return false;
  if (one.isOpen && !other.isOpen) return false;
  return other.levels.every((level, index) => level === null || level === one.levels[index]);
}

/** Tells entries of one outcome apart. */
export function keyOf({ action, levels, isOpen }: Pick<SketchEntry, 'action' | 'levels' | 'isOpen'>): string {
  return JSON.stringify([action, isOpen, levels]);
}

/** Two entries as one under the levels of the second. */
export function together(one: SketchEntry, into: SketchEntry): SketchEntry {
  return {
    ...into,
    count: one.count + into.count,
    firstSeenMs: Math.min(one.firstSeenMs, into.firstSeenMs),
    lastSeenMs: Math.max(one.lastSeenMs, into.lastSeenMs),
  };
}
