import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Json, type JsonObject, utf8 } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fuzz, seeds } from '../../fuzz/shadow-request.fuzz.ts';
import { deltaOf } from '../../src/shadows/delta.ts';
import { isObject, noDocument, type ShadowDocument } from '../../src/shadows/document.ts';
import { merge } from '../../src/shadows/merge.ts';
import { readUpdate } from '../../src/shadows/read-update.ts';
import {
  type Applied,
  acceptedView,
  applyUpdate,
  deltaView,
  documentsView,
} from '../../src/shadows/rules.ts';

const root = join(import.meta.dirname, '../../../../conformance/vectors/shadow');
const documentBytesMax = 8_192;
const payloadBytesMax = 2 * documentBytesMax;

function vectors<Vector>(kind: string): readonly (readonly [string, Vector])[] {
  return readdirSync(join(root, kind)).map((file) => [
    file,
    JSON.parse(readFileSync(join(root, kind, file), 'utf8')),
  ]);
}

function update(document: ShadowDocument, payload: Uint8Array, nowSeconds: number) {
  const request = readUpdate(payload, payloadBytesMax);
  if (request.kind === 'rejected') return request;
  return applyUpdate(document, request, { nowSeconds, documentBytesMax });
}

interface ValidVector {
  readonly updates: readonly {
    readonly atSeconds: number;
    readonly request: object;
    readonly accepted: object;
    readonly delta?: object;
    readonly current: object;
  }[];
}

test.each(vectors<ValidVector>('valid'))('valid vector %s', (_, { updates }) => {
  let document = noDocument;
  for (const { atSeconds, request, ...expected } of updates) {
    const applied = update(document, utf8(JSON.stringify(request)), atSeconds) as Applied;
    expect(applied).toMatchObject({ kind: 'applied' });
    const { current } = documentsView(applied) as { readonly current: object };
    const delta = deltaView(applied);
    expect({
      accepted: acceptedView(applied),
      current,
      ...(delta === undefined ? {} : { delta }),
    }).toEqual(expected);
    document = applied.current;
  }
});

interface InvalidVector {
  readonly text?: string;
  readonly hex?: string;
  readonly version?: number;
  readonly rejected: object;
}

test.each(vectors<InvalidVector>('invalid'))('invalid vector %s', (_, { text, hex, version, rejected }) => {
  const payload = text === undefined ? Buffer.from(hex ?? '', 'hex') : utf8(text);
  const document = version === undefined ? noDocument : { ...noDocument, version, isDeleted: false };
  expect(update(document, payload, 1)).toEqual({ kind: 'rejected', ...rejected });
});

const key = fc.constantFrom('a', 'b', 'c', 'constructor', 'toString');
const scalar = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.boolean(), fc.constantFrom('x', ''));
const array = fc.array(fc.oneof(scalar, fc.array(scalar, { maxLength: 2 })), { maxLength: 3 });

function section(leaf: fc.Arbitrary<Json>, depth: number): fc.Arbitrary<JsonObject> {
  const value: fc.Arbitrary<Json> = depth === 0 ? leaf : fc.oneof(leaf, section(leaf, depth - 1));
  return fc.dictionary(key, value, { maxKeys: 4, noNullPrototype: true });
}

const state = section(fc.oneof(scalar, array), 3);
const change = section(fc.oneof(scalar, array, fc.constant(null)), 3);

/** The oracle sees an object as its paths: what ends at each of them, as text, or `{}` for an object that is there. */
type Paths = Map<string, string>;

function pathsOf(object: JsonObject, prefix = ''): Paths {
  const paths: Paths = new Map();
  for (const [name, value] of Object.entries(object)) {
    const path = `${prefix}/${name}`;
    paths.set(path, isObject(value) ? '{}' : JSON.stringify(value));
    if (isObject(value)) for (const [inner, end] of pathsOf(value, path)) paths.set(inner, end);
  }
  return paths;
}

function without(paths: Paths, path: string): void {
  for (const other of [...paths.keys()])
    if (other === path || other.startsWith(`${path}/`)) paths.delete(other);
}

function mergedPaths(base: JsonObject, changes: JsonObject): Paths {
  const paths = pathsOf(base);
  for (const [path, end] of pathsOf(changes)) {
    if (end === '{}' && paths.get(path) === '{}') continue;
    without(paths, path);
    if (end !== 'null') paths.set(path, end);
  }
  return paths;
}

describe('the rules of shadows, against an oracle that sees paths', () => {
  test('a change sets and deletes what it names, and nothing else', () => {
    fc.assert(
      fc.property(state, change, (base, changes) => {
        const merged = merge({ value: base, times: {} }, changes, 1);
        expect(pathsOf(merged.value)).toEqual(mergedPaths(base, changes));
      }),
    );
  });

  test('each value has the time of the change that set it last', () => {
    fc.assert(
      fc.property(change, change, (first, second) => {
        const one = merge(undefined, first, 1);
        const both = merge(one, second, 2);
        const times = pathsOf(both.times as JsonObject);
        const set = pathsOf(second);
        for (const [path, end] of pathsOf(both.value)) {
          if (end === '{}') expect(times.get(path)).toBe('{}');
          else expect(times.get(path)).toBe(set.get(path) === end ? '2' : '1');
        }
        expect([...times.keys()]).toEqual([...pathsOf(both.value).keys()]);
      }),
    );
  });

  test('a device that applies the delta reports what is desired, and nothing that agreed is in it', () => {
    fc.assert(
      fc.property(state, state, (desired, reported) => {
        const delta = deltaOf(desired, reported);
        const after = pathsOf(merge({ value: reported, times: {} }, delta, 1).value);
        for (const [path, end] of pathsOf(desired)) expect(after.get(path)).toBe(end);
        const before = pathsOf(reported);
        for (const [path, end] of pathsOf(delta)) if (end !== '{}') expect(before.get(path)).not.toBe(end);
      }),
    );
  });

  test('an update leaves a document within its bound, one version on, or nothing changed', () => {
    fc.assert(
      fc.property(change, fc.integer({ min: 2, max: 60 }), (changes, bytesMax) => {
        const request = { kind: 'update', state: { desired: changes } } as const;
        const applied = applyUpdate(noDocument, request, { nowSeconds: 1, documentBytesMax: bytesMax });
        if (applied.kind === 'rejected') expect(applied.code).toBe(413);
        else {
          expect(applied.current.version).toBe(1);
          expect(JSON.stringify(applied.current.state).length).toBeLessThanOrEqual(bytesMax);
        }
      }),
    );
  });
});

test('a request that is no text of JSON is answered and never throws', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => fuzz(bytes)));
  for (const seed of seeds) fuzz(seed);
});
