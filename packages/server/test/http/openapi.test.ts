import type { Route } from '@fleetward/protocol';
import * as protocol from '@fleetward/protocol';
import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import { describeRoutes } from '../../src/http/openapi.ts';

const exported: readonly unknown[] = Object.values(protocol);
const routes = exported.filter(isRoute);
const document = describeRoutes(routes, { title: 'Fleetward', version: '0.1.0' });
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation: objectOf(operation) })),
);

function isRoute(value: unknown): value is Route {
  return (
    typeof value === 'object' && value !== null && 'method' in value && 'path' in value && 'access' in value
  );
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('not an object');
  return { ...value };
}

test('every route of the protocol is described once', () => {
  expect(routes.length).toBeGreaterThan(40);
  expect(operations).toHaveLength(routes.length);
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test('the document is plain JSON of the form OpenAPI 3.1 requires at its top', () => {
  expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  expect(document).toMatchObject({ openapi: '3.1.1', info: { title: 'Fleetward', version: '0.1.0' } });
  expect(Object.keys(document)).toEqual(['openapi', 'info', 'tags', 'paths', 'components']);
});

test.each(operations)(
  '$method $path has a summary, a known tag, a security rule and problem answers',
  ({ operation }) => {
    expect(operation.summary).toMatch(/^[A-Z]/);
    expect(document.tags.map(({ name }) => name)).toEqual(
      expect.arrayContaining([...(operation.tags as string[])]),
    );
    const schemes = Object.keys(objectOf(document.components.securitySchemes));
    for (const rule of operation.security as object[])
      expect(schemes).toEqual(expect.arrayContaining(Object.keys(rule)));
    expect(operation.responses).toMatchObject({ default: { $ref: '#/components/responses/Problem' } });
    expect(
      Object.keys(objectOf(operation.responses)).filter((status) => /^20[0-4]$/.test(status)),
    ).toHaveLength(1);
  },
);

test.each(operations)(
  '$method $path declares exactly the parameters of its path, all required',
  ({ path, operation }) => {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = (
      (operation.parameters ?? []) as { name: string; in: string; required: boolean }[]
    ).filter((parameter) => parameter.in === 'path');
    expect(declared.map(({ name }) => name).sort()).toEqual(inPath.sort());
    expect(declared.every(({ required }) => required)).toBe(true);
    expect(path).not.toMatch(/[:*]/);
  },
);

test('every schema in it is a JSON Schema that compiles', () => {
  let compiled = 0;
  JSON.stringify(document, (key, value: unknown) => {
    if (key !== 'schema' || typeof value !== 'object' || value === null || '$ref' in value) return value;
    Compile(value);
    compiled++;
    return value;
  });
  expect(compiled).toBeGreaterThan(40);
});

test('every reference resolves', () => {
  const text = JSON.stringify(document);
  for (const [, pointer = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = pointer.split('/').reduce<unknown>((node, key) => objectOf(node)[key], document);
    expect(found).toBeDefined();
  }
});

test('only what must be is public', () => {
  const open = operations.filter(({ operation }) => (operation.security as unknown[]).length === 0);
  expect(open.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
    'get /healthz',
    'get /openapi.json',
    'get /readyz',
    'post /v1/setup',
  ]);
});
