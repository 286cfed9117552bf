import type { Route } from '../route.ts';

type Values = Readonly<Record<string, unknown>>;

/** The request target of a call: parameters filled into the route's path, each segment escaped, then the query. */
export function requestTarget(
  route: Route,
  input: { readonly params?: Values | undefined; readonly query?: Values | undefined },
): string {
  const path = route.path.replace(/:(\w+)|\*/g, (_, name: string | undefined) =>
    name === undefined ? escapePath(input.params?.['*']) : encodeURIComponent(String(input.params?.[name])),
  );
  return path + queryString(input.query ?? {});
}

/** A wildcard keeps its slashes. */
function escapePath(value: unknown): string {
  return String(value).split('/').map(encodeURIComponent).join('/');
}

function queryString(query: Values): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}
