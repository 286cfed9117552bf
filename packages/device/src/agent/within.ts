import type { CheckOutcome } from './outcome.ts';

interface Bounded<Result> {
  /** Ends the work early, as a failure that is passed on. */
  readonly stop: AbortSignal | undefined;
  readonly work: (signal: AbortSignal) => Promise<Result>;
}

/** A server that takes too long is as good as none; being told to stop is passed on. */
export async function within<Result>(
  limitMs: number,
  { stop, work }: Bounded<Result>,
): Promise<Result | Extract<CheckOutcome, { kind: 'unreachable' }>> {
  const limit = AbortSignal.timeout(limitMs);
  try {
    return await work(stop === undefined ? limit : AbortSignal.any([limit, stop]));
  } catch (error) {
    if (!limit.aborted || error !== limit.reason) throw error;
    return { kind: 'unreachable', path: '', explanation: `not done within ${limitMs} ms` };
  }
}
