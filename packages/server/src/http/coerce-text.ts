import type { TSchema } from 'typebox';

/**
 * Turns the text of a path or query into the numbers and booleans its schema asks for. Only the plain decimal form and
 * `true`/`false` are read; anything else stays text and is then refused by the schema.
 */
export function coerceText(schema: TSchema, value: unknown): unknown {
  const properties = Reflect.get(schema, 'properties') as Readonly<
    Record<string, { readonly type?: unknown }>
  >;
  return Object.fromEntries(
    Object.entries(value ?? {}).map(([name, text]) => [name, coerce(properties[name]?.type, text)]),
  );
}

function coerce(type: unknown, text: unknown): unknown {
  if (typeof text !== 'string') return text;
  if (type === 'integer' && /^-?(?:0|[1-9][0-9]{0,15})$/.test(text)) return Number(text);
  if (type === 'number' && /^-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
