import type { FieldError, Route } from '@fleetward/protocol';
import type { TSchema } from 'typebox';
import type { TLocalizedValidationError } from 'typebox/error';
import { Value } from 'typebox/value';
import { asMeant } from '../form-meant.ts';
import { closeSchema } from './close-schema.ts';
import { coerceText } from './coerce-text.ts';
import { compileOnUse } from './compile-on-use.ts';
import { HttpError } from './errors.ts';

const errorsMax = 20;

type Parts = { readonly params: unknown; readonly query: unknown; readonly body: unknown };

/** Makes of a route's schemas a check of each request; it throws `http.invalid_request` with every reason. */
export function compileRequestCheck(route: Route): (parts: Parts) => Parts {
  const params = compileText(route.params, 'params');
  const query = compileText(route.query, 'query');
  const body = compileBody(route.body);
  return (parts) => ({ params: params(parts.params), query: query(parts.query), body: body(parts.body) });
}

/** Path and query arrive as text. A route without a query accepts none. */
function compileText(schema: TSchema | undefined, name: 'params' | 'query'): (value: unknown) => unknown {
  const closed = closeSchema(schema ?? { type: 'object', properties: {} });
  const check = compileCheck(closed, (error) => `${name}${pointerOf(error).replaceAll('/', '.')}`);
  if (schema === undefined && name === 'params') return () => undefined;
  return (value) => check(coerceText(closed, value));
}

function compileBody(schema: Route['body']): (value: unknown) => unknown {
  if (schema === undefined) return () => undefined;
  if (schema === 'bytes') return (value) => value;
  return compileCheck(closeSchema(schema), pointerOf);
}

function compileCheck(
  schema: TSchema,
  pathOf: (error: TLocalizedValidationError) => string,
): (value: unknown) => unknown {
  const compiled = compileOnUse(schema);
  return (value) => {
    if (compiled().Check(value)) return value;
    const errors = Value.Errors(asMeant(schema, value), value);
    throw invalidRequest(errors.flatMap((error) => fieldErrors(error, pathOf(error))));
  };
}

function invalidRequest(errors: readonly FieldError[]): HttpError {
  const shown = errors.slice(0, errorsMax);
  const first = shown[0];
  const where = first === undefined || first.path === '' ? 'the body' : `\`${first.path}\``;
  return new HttpError(
    'http.invalid_request',
    first === undefined ? 'the request is not of the form it must have' : `${where}: ${first.message}`,
    { details: { errors: shown } },
  );
}

/** An unknown field is named by its own path; TypeBox reports it once as a `false` schema and once by its object. */
function fieldErrors(error: TLocalizedValidationError, path: string): readonly FieldError[] {
  if (error.keyword === 'boolean') return [];
  if (error.keyword === 'additionalProperties') {
    const { additionalProperties } = error.params;
    return additionalProperties.map((name) => ({
      path: `${path}${path.startsWith('/') || path === '' ? '/' : '.'}${name}`,
      message: 'is not a field of this request',
      expected: 'only the documented fields',
    }));
  }
  const expected = expectedBy(error);
  const message = error.keyword === 'enum' ? `must be one of ${expected}` : error.message;
  return [{ path, message, expected }];
}

function pointerOf(error: TLocalizedValidationError): string {
  return error.instancePath;
}

function expectedBy(error: TLocalizedValidationError): string {
  switch (error.keyword) {
    case 'type':
      return [error.params.type].flat().join(' or ');
    case 'required':
      return `with ${error.params.requiredProperties.map((name) => `\`${name}\``).join(', ')}`;
    case 'pattern':
      return `text that matches \`${error.params.pattern}\``;
    case 'const':
      return JSON.stringify(error.params.allowedValue);
    case 'enum':
      return error.params.allowedValues.map((value) => JSON.stringify(value)).join(', ');
    case 'minimum':
    case 'maximum':
      return `${error.params.comparison} ${error.params.limit}`;
    case 'minLength':
    case 'minItems':
      return `at least ${error.params.limit}`;
    case 'maxLength':
    case 'maxItems':
      return `at most ${error.params.limit}`;
    case '~refine':
      return 'one of its forms';
    default:
      return error.keyword;
  }
}
