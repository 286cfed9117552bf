import type { InvalidInputError } from '@fleetward/core';
import type { OperatorErrorCode } from '../operators/index.ts';
import type { ReleaseErrorCode } from '../releases/index.ts';
import type { StoreError } from '../store-error.ts';
import type { HttpErrorCode } from './errors.ts';

type KnownCode =
  | HttpErrorCode
  | InvalidInputError['code']
  | StoreError['code']
  | OperatorErrorCode
  | ReleaseErrorCode;

/** The one place where a code becomes an HTTP status. A code that is missing here does not compile. */
const statuses: Readonly<Record<KnownCode, number>> = {
  'http.bad_request': 400,
  'http.invalid_request': 400,
  'http.unauthenticated': 401,
  'http.forbidden': 403,
  'http.not_found': 404,
  'http.method_not_allowed': 405,
  'http.timeout': 408,
  'http.body_too_large': 413,
  'http.headers_too_large': 431,
  'http.unsupported_media_type': 415,
  'http.range_not_satisfiable': 416,
  'http.too_many_failures': 429,
  'http.not_ready': 503,
  'http.stopping': 503,
  'http.invalid_answer': 500,
  'http.internal': 500,
  'core.invalid_id': 400,
  'core.invalid_bytes': 400,
  'core.invalid_json': 400,
  'store.conflict': 409,
  'store.unavailable': 503,
  'store.busy': 503,
  'store.corrupt': 500,
  'store.newer': 500,
  'operators.setup_refused': 401,
  'operators.name_taken': 409,
  'operators.not_found': 404,
  'releases.digest_mismatch': 422,
  'releases.artifact_too_large': 413,
  'releases.artifact_missing': 409,
  'releases.too_many_uploads': 503,
  'releases.metadata_refused': 422,
  'releases.superseded': 409,
  'releases.nothing_published': 409,
  'releases.not_found': 404,
  'releases.storage_full': 507,
};

/** The HTTP status of a code, or `undefined` for one that is not known and must not be told to a client. */
export function statusOf(code: string): number | undefined {
  return Object.hasOwn(statuses, code) ? statuses[code as KnownCode] : undefined;
}
