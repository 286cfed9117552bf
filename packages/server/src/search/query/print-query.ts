import type { Query, Value } from './query.ts';

/** The query in one way of writing it: what means the same of two texts looks the same. */
export function printQuery(query: Query): string {
  switch (query.kind) {
    case 'term':
      return `${printField(query.field)}${query.operator}${printValue(query.value)}`;
    case 'not':
      return `not ${inner(query.item)}`;
    default:
      return query.items.map(inner).join(` ${query.kind} `);
  }
}

function inner(query: Query): string {
  return query.kind === 'and' || query.kind === 'or' ? `(${printQuery(query)})` : printQuery(query);
}

function printField(field: string): string {
  return /^[^\s()"\\:<>]+$/.test(field) && !/^(?:and|or|not)$/i.test(field) ? field : quoted(field);
}

function printValue({ text, isQuoted }: Value): string {
  return isQuoted ? quoted(text) : text;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
