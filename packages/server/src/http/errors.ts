import { AppError } from '@fleetward/core';

/** What the transport itself refuses, before or beside a domain. */
export type HttpErrorCode =
  | 'http.bad_request'
  | 'http.invalid_request'
  | 'http.unauthenticated'
  | 'http.forbidden'
  | 'http.not_found'
  | 'http.method_not_allowed'
  | 'http.timeout'
  | 'http.body_too_large'
  | 'http.headers_too_large'
  | 'http.unsupported_media_type'
  | 'http.range_not_satisfiable'
  | 'http.too_many_failures'
  | 'http.too_many_requests'
  | 'http.not_ready'
  | 'http.stopping'
  | 'http.invalid_answer'
  | 'http.internal';

export class HttpError extends AppError<HttpErrorCode> {}
