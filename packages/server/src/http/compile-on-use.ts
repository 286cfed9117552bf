import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';

/** The validator of a schema, compiled when it is first asked for: most routes of a listener are not asked soon, or ever. */
export function compileOnUse(schema: TSchema): () => Validator {
  let validator: Validator | undefined;
  return () => (validator ??= Compile(schema));
}
