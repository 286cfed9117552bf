import { AppError } from '@fleetward/core';

/**
 * What a store reports besides its results; domains turn `store.conflict` into their own outcome. `store.busy` may be tried
 * again; `store.newer` means that a newer Fleetward wrote the database; `store.in_use` that another process runs on the
 * folder; `store.not_durable` that the database would lose what it acknowledged; `store.session_shared` that a pooler before it does not keep
 * sessions apart.
 */
export class StoreError extends AppError<
  | 'store.conflict'
  | 'store.unavailable'
  | 'store.corrupt'
  | 'store.busy'
  | 'store.newer'
  | 'store.in_use'
  | 'store.not_durable'
  | 'store.session_shared'
> {}

/** What is to be written contradicts what is there: a name or id that is taken, a record that others still need. */
export function isConflict(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === 'store.conflict';
}
