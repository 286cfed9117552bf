import { AppError } from '@fleetward/core';

/**
 * What a store reports besides its results; domains turn `store.conflict` into their own outcome. `store.busy` may be tried
 * again; `store.newer` means that a newer Fleetward wrote the database.
 */
export class StoreError extends AppError<
  'store.conflict' | 'store.unavailable' | 'store.corrupt' | 'store.busy' | 'store.newer'
> {}
