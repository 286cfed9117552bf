import type { Route } from '@fleetward/protocol';
import { compileOnUse } from './compile-on-use.ts';
import { HttpError } from './errors.ts';

/**
 * Makes what turns a handler's result into the JSON text of an answer. A field the route does not document never
 * leaves, so that a record handed through by mistake cannot leak; a result that lacks something is a failure of ours.
 */
export function compileJsonAnswer(route: Route): (result: unknown) => string | undefined {
  if (route.answer === undefined || route.answer === 'bytes') return () => undefined;
  const compiled = compileOnUse(route.answer);
  return (result) => {
    const validator = compiled();
    const cleaned = validator.Clean(JSON.parse(JSON.stringify(result ?? null)));
    if (validator.Check(cleaned)) return JSON.stringify(cleaned);
    const [first] = validator.Errors(cleaned);
    throw new HttpError(
      'http.invalid_answer',
      `the answer of \`${route.method} ${route.path}\` is not of its form at \`${first?.instancePath}\`: ${first?.message}`,
    );
  };
}
