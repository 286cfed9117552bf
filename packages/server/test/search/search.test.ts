import { parseThingName, type ThingName } from '@fleetward/core';
import { FakeClock } from '@fleetward/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reportFacts } from '../../src/search/facts.ts';
import { Search } from '../../src/search/index.ts';
import { printQuery } from '../../src/search/query/print-query.ts';
import type { Operator, Query } from '../../src/search/query/query.ts';
import { lifecycleStates } from '../../src/things/index.ts';
import { type Known, matches, valuesOf } from './oracle.ts';

const dayMs = 86_400_000;
const clock = new FakeClock();
const parents: Readonly<Record<string, string>> = { ovens: 'hall', hall: 'site' };
const withAncestors = (names: readonly string[]): string[] => {
  const found = new Set<string>();
  for (let name of names as (string | undefined)[])
    for (; name !== undefined; name = parents[name]) found.add(name);
  return [...found];
};

/** A fleet of which things come, change and go, as the registries would tell it. */
function openFleet(limits: { readonly attributesMax?: number; readonly searchesMax?: number } = {}) {
  const fleet = new Map<ThingName, Known>();
  const search = new Search({
    clock,
    thing: (name) => {
      const known = fleet.get(name)?.facts;
      if (known === undefined) return undefined;
      const { typeName, attributes, tags, state, createdAtMs } = known;
      return { name, attributes, tags, state, createdAtMs, ...(typeName === undefined ? {} : { typeName }) };
    },
    groupsOf: (name) => fleet.get(name)?.facts.groupNames ?? [],
    certificatesOf: (name) => {
      const certificate = fleet.get(name)?.facts.certificate;
      return certificate === undefined ? [] : [certificate];
    },
    withAncestors,
    // Each block is one slice: other work has its turn after every one.
    monotonicMs: (() => {
      let ms = 0;
      return () => (ms += 5);
    })(),
    limits: {
      queryLengthMax: 8_192,
      queryTermsMax: 100,
      queryDepthMax: 50,
      attributesMax: 8,
      shadowFields: [
        'shadow.reported.fw',
        'shadow.desired.a.b',
        'shadow.name.cfg.reported.fw',
        'shadow.desired.a.length',
      ],
      shadowTextLengthMax: 8,
      searchesMax: 4,
      ...limits,
    },
  });
  return {
    fleet,
    search,
    put(known: Known, report?: Parameters<typeof reportFacts>[0]): void {
      const { name } = known.facts;
      fleet.set(name, known);
      search.touch(name);
      if (report !== undefined)
        search.reported({ thingName: name, receivedAtMs: known.report!.receivedAtMs, report });
      if (known.presence !== undefined) search.present(name, known.presence);
      for (const [shadowName, state] of Object.entries(known.shadows ?? {}))
        search.shadowChanged({ thingName: name, shadowName, state });
    },
    remove(name: ThingName): void {
      fleet.delete(name);
      search.touch(name);
    },
  };
}

const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const versions = fc.constantFrom('1.0', '1.2.0', '2.0-rc.1', '2.0', 'odd');
const words = fc.constantFrom('a', 'ab', 'b', 'a*b', '7', '-3.5', '10');
const days = fc.integer({ min: -3, max: 40 });

const facts = fc.record({
  name: fc.integer({ min: 0, max: 30 }).map((n) => parseThingName(`${n % 2 === 0 ? 'a' : 'b'}-${n}`)),
  typeName: maybe(fc.constantFrom('a', 'ab', 'b')),
  attributes: fc.dictionary(fc.constantFrom('x', 'y'), words),
  tags: fc.dictionary(fc.constantFrom('x', 'z'), words),
  state: fc.constantFrom(...lifecycleStates),
  createdAtMs: days.map((ago) => clock.now() - ago * dayMs),
  groupNames: fc.subarray(['ovens', 'hall', 'other']),
  certificate: maybe(
    fc.record({
      state: fc.constantFrom(
        'ACTIVE' as const,
        'INACTIVE' as const,
        'REVOKED' as const,
        'PENDING_ACTIVATION' as const,
      ),
      notAfterMs: days.map((left) => clock.now() + left * dayMs),
      issuedAtMs: fc.constant(1),
    }),
  ),
});
const reports = fc.record({
  installed: maybe(versions.map((version) => ({ version }))),
  agent: maybe(versions.map((version) => ({ version }))),
  model: maybe(fc.record({ product: words, hardware: words })),
  update: maybe(words.map((outcome) => ({ outcome }))),
  batteryPercent: maybe(fc.integer({ min: 0, max: 12 })),
});
const presences = fc.record(
  {
    isConnected: fc.boolean(),
    atMs: days.map((ago) => clock.now() - ago * dayMs),
    flappingUntilMs: days.map((left) => clock.now() + left * dayMs),
    visit: fc.constantFrom('TLSv1.2', 'TLSv1.3').map((tlsVersion) => ({
      clientId: 'c',
      sessionIdentifier: 's',
      tlsVersion,
      cipher: `${tlsVersion}-ab`,
    })),
    lastEnd: fc
      .constantFrom('CONNECTION_LOST' as const, 'SERVER_ERROR' as const)
      .map((reason) => ({ reason, atMs: 0 })),
  },
  { requiredKeys: ['isConnected', 'atMs'] },
);

const reported = fc.oneof(
  fc.constantFrom('2.1', '2.10', 'v2.1', 'odd', 'true', '7', 'much too long', '\u00007'),
  fc.constantFrom(2.1, 2.5, 7, -3.5, 1e21),
  fc.boolean(),
  fc.constantFrom(['2.1'], { fw: '2.1' }),
);
const shadowStates = fc.record(
  {
    reported: fc.dictionary(fc.constantFrom('fw', 'other'), reported),
    desired: fc.record({ a: fc.oneof(reported, fc.record({ b: reported })) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const shadows = fc.dictionary(fc.constantFrom('', 'cfg', 'else'), shadowStates);
const shadowFields = fc.constantFrom(
  'shadow.reported.fw',
  'shadow.desired.a.b',
  'shadow.name.cfg.reported.fw',
);

const patterns = fc.constantFrom('a', 'a*', '*b', '*', 'a*b', '*a*b*', 'zz', '7', 'site');
const orders = fc.constantFrom<Operator>('<', '<=', '>', '>=');
const term = (field: fc.Arbitrary<string>, operator: fc.Arbitrary<Operator>, text: fc.Arbitrary<string>) =>
  fc.record({ field, operator, text, isQuoted: fc.boolean() }).map(
    ({ text, isQuoted, ...rest }): Query => ({
      kind: 'term',
      ...rest,
      value: { text, isQuoted, position: 1 },
      position: 1,
    }),
  );
const is = fc.constant<Operator>(':');
const spanNames = fc.constantFrom('cert.expiresIn', 'created.age', 'report.age', 'connected.age');
const terms = fc.oneof(
  term(
    fc.constantFrom(
      'name',
      'type',
      'group',
      'attribute.x',
      'attribute.none',
      'product',
      'hardware',
      'update',
    ),
    is,
    patterns,
  ),
  term(fc.constant('name'), is, fc.constantFrom('a-1*', 'b*', 'a-4', 'b-9')),
  term(
    fc.constantFrom('firmware', 'agent'),
    fc.oneof(is, orders),
    fc.constantFrom('1.0', '1.2', '2.0', '2.0-rc.1'),
  ),
  term(
    fc.constantFrom('attribute.x', 'attribute.y', 'battery'),
    orders,
    fc.constantFrom('7', '-3.5', '0', '10.0'),
  ),
  term(shadowFields, is, fc.constantFrom('2.1', '2.10', '2*', '*', 'true', '7', '1e+21', '-3.5')),
  term(shadowFields, orders, fc.constantFrom('2.1', '2.10', '2.5', '-4', '7', '2.1-rc.1')),
  term(fc.constant('battery'), is, fc.constantFrom('7', '10')),
  term(spanNames, orders, fc.constantFrom('3d', '1w', '0s', '-1d', '240h')),
  term(fc.constantFrom('connected', 'flapping'), is, fc.constantFrom('true', 'false')),
  term(fc.constant('disconnectReason'), is, fc.constantFrom('CONNECTION_LOST', 'THROTTLED')),
  term(fc.constantFrom('tls.version', 'tls.cipher'), is, fc.constantFrom('TLSv1.2', '*3*', '*ab')),
  term(fc.constant('cert.state'), is, fc.constantFrom('active', 'expired', 'revoked', 'pending', 'inactive')),
  term(fc.oneof(spanNames, fc.constantFrom('battery', 'cert.state')), is, fc.constant('*')).map((any) =>
    any.kind === 'term' ? { ...any, value: { ...any.value, isQuoted: false } } : any,
  ),
);
const { query: queries } = fc.letrec<{ query: Query }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    terms,
    tie('query').map((item): Query => ({ kind: 'not', item })),
    fc
      .record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        items: fc.array(tie('query'), { minLength: 2, maxLength: 3 }),
      })
      .map((both): Query => both),
  ),
}));
const known = fc
  .record({ facts, report: maybe(reports), presence: maybe(presences), shadows, at: days })
  .map(({ facts, report, presence, shadows, at }) => {
    const receivedAtMs = clock.now() - at * dayMs;
    const told = report && (JSON.parse(JSON.stringify(report)) as Parameters<typeof reportFacts>[0]);
    return { known: { facts, presence, shadows, report: told && reportFacts(told, receivedAtMs) }, told };
  });
const changes = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: known },
    facts.map(({ name }) => ({ gone: name })),
  ),
  { maxLength: 40 },
);
type Change = typeof changes extends fc.Arbitrary<readonly (infer One)[]> ? One : never;

function fleetAfter(list: readonly Change[]) {
  const opened = openFleet();
  const { fleet } = opened;
  for (const change of list) {
    if ('gone' in change) opened.remove(change.gone);
    // What is not said anew stays: so it is with reports and presence.
    else {
      const before = fleet.get(change.known.facts.name);
      const { report = before?.report } = change.known;
      const presence = change.known.presence && { ...before?.presence, ...change.known.presence };
      const shadows = { ...before?.shadows, ...change.known.shadows };
      opened.put({ ...change.known, report, shadows, presence: presence ?? before?.presence }, change.told);
    }
  }
  return opened;
}

test('finds what an evaluator finds that looks at one thing after the other, whatever came, changed and went', async () => {
  await fc.assert(
    fc.asyncProperty(changes, queries, fc.integer({ min: 1, max: 7 }), async (list, query, limit) => {
      const { fleet, search } = fleetAfter(list);
      const text = printQuery(query);
      const options = { nowMs: clock.now(), withAncestors };
      const wanted = [...fleet.values()]
        .filter((one) => matches(query, one, options))
        .map((one) => one.facts.name);
      const found: ThingName[] = [];
      for (let more = true; more; ) {
        const after = found.at(-1);
        const page = await search.find({ query: text, limit, ...(after === undefined ? {} : { after }) });
        found.push(...page.names);
        more = page.hasMore;
      }
      expect(found).toEqual(wanted.toSorted((a, b) => (a < b ? -1 : 1)));
      expect(await search.select(text)).toEqual(found);
    }),
    { numRuns: 400 },
  );
});

test('counts by each field what it finds', async () => {
  const fields = [
    'type',
    'group',
    'attribute.x',
    'firmware',
    'update',
    'connected',
    'cert.state',
    'flapping',
  ];
  await fc.assert(
    fc.asyncProperty(
      changes,
      queries,
      fc.constantFrom(...fields),
      fc.integer({ min: 1, max: 4 }),
      async (list, query, by, few) => {
        const { fleet, search } = fleetAfter(list);
        const options = { nowMs: clock.now(), withAncestors };
        const found = [...fleet.values()].filter((one) => matches(query, one, options));
        const values = found.map((one) => valuesOf(by, one, options).map(String));
        const byValue = Map.groupBy(values.flat(), (value) => value);
        const counts = await search.count({ by, query: printQuery(query), limit: 100 });
        expect(counts).toMatchObject({
          total: found.length,
          without: values.filter(({ length }) => length === 0).length,
          distinct: byValue.size,
        });
        expect(new Map(counts.values.map(({ value, count }) => [value, count]))).toEqual(
          new Map([...byValue].map(([value, { length }]) => [value, length])),
        );
        expect(counts.values).toEqual(counts.values.toSorted((a, b) => b.count - a.count));
        // Which of those that are as frequent are shown does not matter.
        const { values: first, ...sums } = await search.count({ by, query: printQuery(query), limit: few });
        expect(sums).toEqual({ total: counts.total, without: counts.without, distinct: counts.distinct });
        expect(first.map(({ count }) => count)).toEqual(
          counts.values.slice(0, few).map(({ count }) => count),
        );
        expect(counts.values).toEqual(expect.arrayContaining([...first]));
      },
    ),
    { numRuns: 200 },
  );
});

const thing = (name: string, more: Partial<Known['facts']> = {}): Known => ({
  facts: {
    name: parseThingName(name),
    attributes: {},
    tags: {},
    state: 'active',
    createdAtMs: clock.now(),
    groupNames: [],
    ...more,
  },
});

test('values of shadows are counted, a number apart from a text of its digits', async () => {
  const { search, put } = openFleet();
  for (const [at, fw] of [7, 7, '7', true, ['7'], 'much too long'].entries())
    put({ ...thing(`t${at}`), shadows: { '': { reported: { fw } } } });
  expect(await search.count({ by: 'shadow.reported.fw', limit: 9 })).toEqual({
    total: 6,
    without: 2,
    distinct: 3,
    values: [
      { value: '7', count: 2 },
      { value: '7', count: 1 },
      { value: 'true', count: 1 },
    ],
  });
});

test('a path leads through objects alone, not into an array', async () => {
  const { search, put } = openFleet();
  put({ ...thing('array'), shadows: { '': { desired: { a: ['x'] } } } });
  put({ ...thing('object'), shadows: { '': { desired: { a: { length: 1 } } } } });
  expect(await search.select('shadow.desired.a.length:1')).toEqual(['object']);
});

test('numbers and time spans are counted in ranges', async () => {
  const { search, put } = openFleet();
  for (const days of [-1, 2, 3, 100]) {
    const notAfterMs = clock.now() + days * dayMs;
    put(thing(`t${days}`, { certificate: { state: 'ACTIVE', notAfterMs, issuedAtMs: 1 } }));
  }
  put(thing('bare'));
  expect(await search.count({ by: 'cert.expiresIn', limit: 10 })).toEqual({
    total: 5,
    without: 1,
    distinct: 3,
    values: [
      { value: '<0s', count: 1 },
      { value: '<7d', count: 2 },
      { value: '<365d', count: 1 },
    ],
  });
});

test('of many values the most frequent are told, and how many there are', async () => {
  const { search, put } = openFleet();
  for (let n = 0; n < 300; n++) put(thing(`t${n}`, { attributes: { x: n < 50 ? 'often' : `v${n}` } }));
  const { values, distinct } = await search.count({ by: 'attribute.x', limit: 3 });
  expect(distinct).toBe(251);
  expect(values.map(({ count }) => count)).toEqual([50, 1, 1]);
});

test('a fleet of many blocks, made in any order, is paged in the order of the names while it changes', async () => {
  const { fleet, search, put, remove } = openFleet();
  const count = 12_000;
  for (let n = 0; n < count; n++)
    put(
      thing(`t-${String((n * 7_919) % count).padStart(5, '0')}`, { typeName: n % 3 === 0 ? 'a' : `b${n}` }),
    );
  const names = [...fleet.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  expect(await search.select('name:*')).toEqual(names);
  expect(await search.select('name:t-0123*')).toEqual(names.filter((name) => name.startsWith('t-0123')));
  // Things go, and others take their slots and the codes of their values, while a search is between two blocks.
  const under = search.select('type:b*');
  const stays = names.filter((name) => fleet.get(name)?.facts.typeName !== 'a' && !name.endsWith('7'));
  // The codes that are free last are taken first.
  for (const name of names.filter((one) => one.endsWith('7')).toReversed()) remove(name);
  for (let n = 0; n < 500; n++) put(thing(`z-${n}`, { typeName: `new-${n}` }));
  const found = await under;
  const seen = new Set(found);
  expect(stays.filter((name) => !seen.has(name))).toEqual([]);
  expect(found.every((name) => name.startsWith('t-'))).toBe(true);
});

test('a search that takes long on each thing lets others have their turn after a few of them', async () => {
  let ms = 0;
  const search = new Search({
    clock,
    thing: (name) => ({ name, attributes: {}, tags: {}, state: 'active', createdAtMs: 0 }),
    groupsOf: (name) => [`group-of-${name}`],
    certificatesOf: () => [],
    // It is asked once for each value that is judged.
    withAncestors: (names) => {
      ms++;
      return names;
    },
    monotonicMs: () => ms,
    limits: {
      queryLengthMax: 64,
      queryTermsMax: 1,
      queryDepthMax: 1,
      attributesMax: 1,
      shadowFields: [],
      shadowTextLengthMax: 1,
      searchesMax: 1,
    },
  });
  for (let n = 0; n < 3_000; n++) search.touch(parseThingName(`t-${n}`));
  const turns: number[] = [];
  let lastMs = ms;
  const turn = () => {
    turns.push(ms - lastMs);
    lastMs = ms;
    if (!isOver) setImmediate(turn);
  };
  let isOver = false;
  setImmediate(turn);
  expect(await search.select('group:*7')).toHaveLength(300);
  isOver = true;
  expect(Math.max(...turns)).toBe(256);
  expect(Math.max(...turns.slice(2))).toBe(8);
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'found',
    ({ code, message }) => [code, message],
  );

test.for([
  ['colour:red', 'search.field_unknown', 'at 1: there is no field `colour`'],
  ['type:a and attribute.:x', 'search.field_unknown', 'at 12: there is no field `attribute.`'],
  ['connected:yes', 'search.query_invalid', 'at 11: `connected` is one of true, false'],
  ['cert.state:ok', 'search.query_invalid', 'at 12: `cert.state` is one of active, expired'],
  ['type<a', 'search.query_invalid', 'at 1: `type` has no order'],
  ['name>a', 'search.query_invalid', 'at 1: `name` has no order'],
  ['firmware<new', 'search.query_invalid', 'at 10: this is no version'],
  ['battery<low', 'search.query_invalid', 'at 9: this is no number'],
  ['attribute.x<low', 'search.query_invalid', 'at 13: this is no number'],
  ['shadow.reported.fw<new', 'search.query_invalid', 'at 20: this is neither a number nor a version'],
  ['type:a or shadow.reported.x:1', 'search.not_indexed', 'at 11: `shadow.reported.x` is not among'],
  ['shadow.fw:1', 'search.field_unknown', 'at 1: there is no field `shadow.fw`'],
  [
    'shadow.fw:1',
    'search.field_unknown',
    '`tag.…`, `shadow.reported.…`, `shadow.desired.…`, `shadow.name.NAME.rep',
  ],
  ['shadow.reported.:1', 'search.field_unknown', 'there is no field'],
  ['cert.expiresIn<30', 'search.query_invalid', 'at 16: this is no time span'],
  ['cert.expiresIn:30d', 'search.query_invalid', 'at 1: `cert.expiresIn` is compared with'],
] as const)('`%s` is refused: %s, %s', async ([query, code, message]) => {
  const { search } = openFleet();
  const [foundCode, foundMessage] = await codeOf(search.find({ query, limit: 1 }));
  expect(foundCode).toBe(code);
  expect(foundMessage).toContain(message);
});

test('counting by what is different for every thing says by what can be counted', async () => {
  const [code, message] = await codeOf(openFleet().search.count({ by: 'name', limit: 1 }));
  expect(code).toBe('search.query_invalid');
  expect(message).toMatch(
    /^at 1: `name` is different for every thing; count by one of `type`, .*`attribute\.…`/,
  );
  expect(message).not.toMatch(/one of.*`name`/);
});

test('an attribute that no thing has any more makes room for another', async () => {
  const { search, put, remove } = openFleet({ attributesMax: 1 });
  put(thing('one', { attributes: { first: '1' } }));
  put(thing('one', { attributes: {} }));
  put(thing('two', { attributes: { second: '2' } }));
  expect((await search.find({ query: 'attribute.second:2', limit: 9 })).names).toEqual(['two']);
  expect((await search.find({ query: 'attribute.first:*', limit: 9 })).names).toEqual([]);
  remove(parseThingName('two'));
  expect(search.counts).toMatchObject({ attributes: 0 });
});

test('an attribute beyond those that are searched is refused, never answered in part', async () => {
  const { search, put } = openFleet({ attributesMax: 1 });
  put(thing('one', { attributes: { first: '1' } }));
  expect(await search.select('attribute.second:2')).toEqual([]);
  put(thing('two', { attributes: { second: '2' } }));
  put(thing('three', { attributes: { second: '2' } }));
  expect(await codeOf(search.select('type:a or attribute.second:2'))).toEqual([
    'search.not_indexed',
    expect.stringMatching(/^at 11: things have more attributes than are searched, and `second` is not/),
  ]);
  expect(await search.select('attribute.first:1')).toEqual(['one']);
});

test('operators search a bounded number of times at once; the platform itself is not held up by it', async () => {
  const { search, put } = openFleet({ searchesMax: 1 });
  for (let n = 0; n < 5_000; n++) put(thing(`t${n}`));
  const first = search.count({ by: 'type', limit: 1 });
  expect(await codeOf(search.find({ query: 'name:x', limit: 1 }))).toContain('search.busy');
  expect(await search.select('name:t1')).toEqual(['t1']);
  await first;
  expect((await search.find({ query: 'name:t1', limit: 1 })).names).toEqual(['t1']);
  expect(search.counts).toMatchObject({ underWay: 0, refused: 1 });
});
