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
export function keyOf(entry: Pick<SketchEntry, 'action' | 'levels' | 'isOpen'>): string {
  const { action, levels, isOpen } = entry;
  return isPattern(entry) ? JSON.stringify([action, isOpen, levels]) : keyOfName(action, levels.join('/'));
}

/** The same of an entry that stands for this one name. */
export function keyOfName(action: PolicyAction, name: string): string {
  return `${action} ${name}`;
}

/** Whether it stands for more than one name. */
export function isPattern({ levels, isOpen }: Pick<SketchEntry, 'levels' | 'isOpen'>): boolean {
  return isOpen || levels.includes(null);
}

/** Two entries as one under the levels of the second. */
export function together(
  one: Pick<SketchEntry, 'count' | 'firstSeenMs' | 'lastSeenMs'>,
  into: SketchEntry,
): SketchEntry {
  return {
    ...into,
    count: one.count + into.count,
    firstSeenMs: Math.min(one.firstSeenMs, into.firstSeenMs),
    lastSeenMs: Math.max(one.lastSeenMs, into.lastSeenMs),
  };
}
