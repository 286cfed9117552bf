const failures = ['FAILED', 'REJECTED', 'TIMED_OUT'] as const;
export type Failure = (typeof failures)[number];

/** AWS IoT's abort criteria: a roll-out ends when, of at least so many things that ended, this share ended so. */
export interface AbortRule {
  readonly failure: Failure | 'ALL';
  readonly executedMin: number;
  /** Above 0. */
  readonly percent: number;
}

/** How the things that ended by their own doing did; those that were let go are not counted. */
export interface Ended {
  readonly executed: number;
  readonly failed: (how: Failure) => number;
  /** Of which things, in words: `of stage 2`. */
  readonly which?: string;
}

/** Which rule is broken, in words. */
export function brokenRule(
  rules: readonly AbortRule[],
  { executed, failed, which }: Ended,
): string | undefined {
  for (const { failure, executedMin, percent } of rules) {
    const hows: readonly Failure[] = failure === 'ALL' ? failures : [failure];
    const count = hows.reduce((sum, how) => sum + failed(how), 0);
    if (executed < executedMin || count === 0 || count * 100 < executed * percent) continue;
    const things = which === undefined ? 'things' : `things ${which}`;
    const what = failure === 'ALL' ? 'did not succeed' : `ended ${failure}`;
    return `${count} of ${executed} ${things} ${what}; the limit is ${percent} % of at least ${executedMin}`;
  }
  return undefined;
}
