/** Runs one piece of work at a time, in order of call; at most `waitingMax` wait. */
export function createTurns(
  waitingMax: number,
  full: () => Error,
): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return (work) => {
    if (waiting >= waitingMax) return Promise.reject(full());
    waiting++;
    const run = last.then(work).finally(() => {
      waiting--;
    });
    last = run.catch(() => undefined);
    return run;
  };
}
