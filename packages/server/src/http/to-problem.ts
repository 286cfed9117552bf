import { STATUS_CODES } from 'node:http';
import { type AppError, isAppError, type Random, toHex } from '@fleetward/core';
import { type Problem, problem as problemSchema } from '@fleetward/protocol';
import { Check } from 'typebox/value';
import { HttpError } from './errors.ts';
import { statusOf } from './status.ts';

const fieldErrorsMax = 100;
const fieldErrorsSchema = problemSchema.properties.errors;

/**
 * What a client is told of a failure. A code without a status below 500, or something that is no `AppError`, tells
 * nothing but a correlation id, which the log carries too.
 */
export function toProblem(failure: unknown, random: Random): Problem {
  const known = isAppError(failure) ? failure : fromFramework(failure);
  const status = known === undefined ? undefined : statusOf(known.code);
  if (known === undefined || status === undefined || status === 500) return internalProblem(random);
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: known.message,
    code: known.code,
    ...fieldErrorsOf(known),
  };
}

function internalProblem(random: Random): Problem {
  return {
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    detail: 'something failed on the server; its log has the details under this instance',
    code: 'http.internal',
    instance: `urn:fleetward:failure:${toHex(random.bytes(16))}`,
  };
}

/** A request's failure lists `errors`, a policy document's `issues`: both say where, what, and what was expected. */
function fieldErrorsOf(failure: AppError): Pick<Problem, 'errors'> {
  const { errors = failure.details.issues } = failure.details;
  const shown = Array.isArray(errors) ? errors.slice(0, fieldErrorsMax) : undefined;
  return shown !== undefined && Check(fieldErrorsSchema, shown) ? { errors: shown } : {};
}

/** Fastify's own refusals, by the codes it documents. */
function fromFramework(failure: unknown): HttpError | undefined {
  const code = failure instanceof Error ? Reflect.get(failure, 'code') : undefined;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HttpError('http.body_too_large', 'the body is larger than the server accepts');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_TYPE':
      return new HttpError(
        'http.unsupported_media_type',
        'the body has a media type this operation does not take',
      );
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new HttpError('http.bad_request', 'the body does not have the length its header announces');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new HttpError('http.bad_request', 'the path is not one this server can read');
    default:
      return undefined;
  }
}
