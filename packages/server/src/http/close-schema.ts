import type { TSchema } from 'typebox';

type Node = Readonly<Record<string, unknown>>;

const listsOfSchemas = ['anyOf', 'oneOf'];
const mapsOfSchemas = ['properties', 'patternProperties'];

/**
 * The plain JSON Schema of a body with every object closed that does not say otherwise: a field nobody reads is refused,
 * since it is a typing error or an attempt. Members of an `allOf` stay open, each sees only its share of the fields.
 */
export function closeSchema(schema: TSchema): TSchema {
  const plain: Node = JSON.parse(JSON.stringify(schema));
  return close(plain);
}

function close(node: Node): Node {
  const closed: Record<string, unknown> = { ...node };
  for (const key of listsOfSchemas) {
    const list = node[key];
    if (Array.isArray(list)) closed[key] = list.map((item) => (isNode(item) ? close(item) : item));
  }
  for (const key of mapsOfSchemas) {
    const map = node[key];
    if (isNode(map)) closed[key] = closeEach(map);
  }
  if (isNode(node.items)) closed.items = close(node.items);
  if (isNode(node.properties)) closed.additionalProperties ??= false;
  return closed;
}

function closeEach(map: Node): Node {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [key, isNode(value) ? close(value) : value]),
  );
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
