import { type TSchema, Type } from 'typebox';

interface Keywords extends TSchema {
  readonly anyOf?: readonly Keywords[];
  readonly type?: string;
  readonly const?: unknown;
  readonly items?: Keywords;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Keywords>>;
  readonly patternProperties?: Readonly<Record<string, Keywords>>;
  readonly required?: readonly string[];
}

/**
 * The schema without what says nothing of a value that is not of it, so that its errors are those a person can act on: of several forms
 * the one that the value means by its `kind`, or by a field that no other form has; a choice of words as one list; `null` as one more type.
 */
export function asMeant(schema: TSchema, value: unknown): TSchema {
  const { anyOf, items, maxItems = Infinity, properties, patternProperties }: Keywords = schema;
  if (anyOf !== undefined) return formMeant(schema, anyOf, value);
  if (items !== undefined && Array.isArray(value)) {
    // Its items are as many as their sender likes, and TypeBox takes the square of that to tell which are there twice.
    if (value.length > maxItems) return { type: 'array', maxItems };
    return { ...schema, prefixItems: value.map((item) => asMeant(items, item)) };
  }
  return {
    ...schema,
    ...(properties === undefined ? {} : { properties: eachMeant(properties, value) }),
    ...(patternProperties === undefined ? {} : { patternProperties: eachMeant(patternProperties, {}) }),
  };
}

function eachMeant(schemas: Readonly<Record<string, Keywords>>, values: unknown): object {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, asMeant(schema, fieldOf(values, name))]),
  );
}

function formMeant(schema: TSchema, forms: readonly Keywords[], value: unknown): TSchema {
  const words = forms.map((form) => form.const);
  if (!words.includes(undefined)) return { enum: words };
  const [only, other] = forms.filter(({ type }) => type !== 'null');
  if (only?.type !== undefined && other === undefined)
    return { ...asMeant(only, value), type: [only.type, 'null'] };
  if (value === undefined) return schema;
  return formOfKind(forms, value) ?? formWithField(forms, value) ?? schema;
}

/** Undefined where forms are not told apart by their `kind`. */
function formOfKind(forms: readonly Keywords[], value: unknown): TSchema | undefined {
  const kinds = forms.map((form) => form.properties?.kind?.const);
  if (kinds.includes(undefined)) return undefined;
  const form = forms[kinds.indexOf(fieldOf(value, 'kind'))];
  const anyKind = { type: 'object', properties: { kind: { enum: kinds } }, required: ['kind'] };
  return form === undefined ? anyKind : asMeant(form, value);
}

/** Undefined where a form has no field of its own that it must have. */
function formWithField(forms: readonly Keywords[], value: unknown): TSchema | undefined {
  const names = forms.map((form) => form.required?.find((name) => isOwn(name, form, forms)));
  if (names.includes(undefined)) return undefined;
  const [form, second] = forms.filter((_, at) => fieldOf(value, names[at] ?? '') !== undefined);
  if (form !== undefined && second === undefined) return asMeant(form, value);
  const list = names.map((name) => `\`${name}\``).join(', ');
  return Type.Refine(
    Type.Object({}),
    () => false,
    () => `must have exactly one of ${list}`,
  );
}

function isOwn(name: string, form: Keywords, forms: readonly Keywords[]): boolean {
  return forms.every((other) => other === form || other.properties?.[name] === undefined);
}

function fieldOf(value: unknown, name: string): unknown {
  const isThere = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return isThere ? Reflect.get(value, name) : undefined;
}
