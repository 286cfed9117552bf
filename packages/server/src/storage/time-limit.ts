import { StoreError } from '../store-error.ts';

/** Rejects when `work` takes longer than `limitMs`; `work` itself goes on, so its transaction must be closed by the caller. */
export async function withinLimit<Result>(work: Promise<Result>, limitMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new StoreError(
          'store.busy',
          `the transaction took longer than \`${limitMs}\` ms and was rolled back`,
          { details: { limitMs } },
        ),
      );
    }, limitMs);
  });
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether this is what `withinLimit` rejects with. */
export function isOverLimit(error: unknown): boolean {
  return error instanceof StoreError && error.details.limitMs !== undefined;
}
