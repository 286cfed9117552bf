import { problem, problemMediaType, type Route } from '@fleetward/protocol';
import type { TSchema } from 'typebox';
import { closeSchema } from './close-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly license: Json };
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Json>>;
  readonly components: Json;
}

/** Describes routes as OpenAPI 3.1, whose schemas are JSON Schema just as TypeBox's are. */
export function describeRoutes(
  routes: readonly Route[],
  info: { readonly title: string; readonly version: string },
): OpenApiDocument {
  return {
    openapi: '3.1.1',
    info: { ...info, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    tags: [...new Set(routes.map(({ noun }) => noun))].sort().map((name) => ({ name })),
    paths: describePaths(routes),
    components: {
      schemas: { Problem: plain(problem) },
      responses: {
        Problem: {
          description: 'Refused or failed; `code` says why.',
          content: { [problemMediaType]: { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      securitySchemes: {
        operator: { type: 'http', scheme: 'bearer', description: 'An operator token, `fwo_…`.' },
        device: { type: 'mutualTLS', description: 'A certificate the platform issued.' },
      },
    },
  };
}

function describePaths(routes: readonly Route[]): Record<string, Json> {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = templateOf(route.path);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeOperation(route) };
  }
  return paths;
}

/** `/v1/things/:thingName` → `/v1/things/{thingName}`; a wildcard is called `path`. */
function templateOf(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}');
}

function describeOperation(route: Route): Json {
  const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')];
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [route.noun],
    security: route.access === 'public' ? [] : [{ [route.access]: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: bodyContent(route.body) } }),
    responses: { [route.status]: successOf(route), default: { $ref: '#/components/responses/Problem' } },
  };
}

function parametersOf(schema: TSchema | undefined, place: 'path' | 'query'): readonly Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = closeSchema(schema) as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name: name === '*' ? 'path' : name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }));
}

function operationId(route: Route): string {
  const words = route.path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return [route.method.toLowerCase(), ...words].join('_');
}

function bodyContent(body: TSchema | 'bytes'): Json {
  return body === 'bytes' ? bytesContent() : { 'application/json': { schema: closeSchema(body) } };
}

function bytesContent(): Json {
  return { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
}

function successOf(route: Route): Json {
  if (route.answer === undefined) return { description: 'Done.' };
  if (route.answer === 'bytes') return { description: 'The bytes.', content: bytesContent() };
  return { description: 'Done.', content: { 'application/json': { schema: plain(route.answer) } } };
}

function plain(schema: TSchema): Json {
  return JSON.parse(JSON.stringify(schema));
}
