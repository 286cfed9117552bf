import { AppError } from '@fleetward/core';

/** What a store reports besides its results; domains turn `store.conflict` into their own outcome. */
export class StoreError extends AppError<
  'store.conflict' | 'store.unavailable' | 'store.corrupt' | 'store.busy'
> {}
