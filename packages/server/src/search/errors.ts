import { AppError } from '@fleetward/core';

export type SearchErrorCode =
  | 'search.query_invalid'
  | 'search.field_unknown'
  | 'search.busy'
  | 'search.not_indexed';

/** A search of the fleet cannot be done as it was asked; `details.position` is where in the query, from 1. */
export class SearchError extends AppError<SearchErrorCode> {}

export function queryInvalid(position: number, why: string): SearchError {
  return searchErrorAt('search.query_invalid', position, why);
}

/** Every error about something in the query says where that stands, in its text and in its details. */
export function searchErrorAt(code: SearchErrorCode, position: number, why: string): SearchError {
  return new SearchError(code, `at ${position}: ${why}`, { details: { position } });
}
