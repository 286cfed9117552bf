import { AppError } from '@fleetward/core';
import type { Problem } from '../errors.ts';

/** Why a call has no answer; `api.refused` carries the server's problem. */
export type ApiErrorCode =
  | 'api.refused'
  | 'api.unreachable'
  | 'api.timeout'
  | 'api.aborted'
  | 'api.answer_too_large'
  | 'api.unexpected_answer'
  | 'api.invalid_options';

export class ApiError extends AppError<ApiErrorCode> {
  readonly problem: Problem | undefined;

  constructor(
    code: ApiErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly problem?: Problem } = {},
  ) {
    const { problem } = options;
    super(code, message, {
      cause: options.cause,
      details: problem === undefined ? {} : { status: problem.status, code: problem.code },
    });
    this.problem = problem;
  }
}
