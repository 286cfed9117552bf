import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compilePrincipal,
  levelsOf,
  type PolicyAction,
  parsePolicy,
  Sketch,
  synthesisePolicy,
  type ThingContext,
} from '../../src/index.ts';

const binding = { region: 'local', accountId: '000000000000' };
const ACTIONS: readonly PolicyAction[] = ['iot:Connect', 'iot:Publish', 'iot:Receive', 'iot:Subscribe'];

interface Request {
  readonly action: PolicyAction;
  readonly name: string;
}

interface Device {
  readonly thing: ThingContext;
  readonly requests: readonly Request[];
}

// Levels that things share, that policies read specially, and that stand for a fact of the thing.
const word = fc.constantFrom('a', 'b', 'news', '', '*', '?', '$', '${', '$(*)', '+', '#', '$aws');
const level = fc.oneof(
  word.map((text) => ({ kind: 'word' as const, text })),
  fc.constantFrom('name', 'type', 'site').map((kind) => ({ kind })),
  fc.integer({ min: 0, max: 12 }).map((count) => ({ kind: 'word' as const, text: `n${count}` })),
);
const template = fc.record({
  action: fc.constantFrom(...ACTIONS),
  levels: fc.array(level, { minLength: 1, maxLength: 4 }),
});
const facts = fc.record(
  {
    typeName: fc.constantFrom('pump', 'valve', 'a'),
    site: fc.constantFrom('hall', 'yard', 'a', 'n1', 'b+', ''),
  },
  { requiredKeys: [] },
);
const fleet = fc
  .array(fc.record({ facts, templates: fc.array(template, { maxLength: 12 }) }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((devices) => devices.map(({ facts: of, templates }, index) => deviceOf(index, of, templates)));

type Level = typeof level extends fc.Arbitrary<infer L> ? L : never;

function deviceOf(
  index: number,
  { typeName, site }: { readonly typeName?: string; readonly site?: string },
  templates: readonly { readonly action: PolicyAction; readonly levels: readonly Level[] }[],
): Device {
  const thing: ThingContext = {
    name: `dev${index}`,
    ...(typeName === undefined ? {} : { typeName }),
    attributes: site === undefined ? {} : { site },
  };
  const text = (one: Level): string => {
    if ('text' in one) return one.text;
    if (one.kind === 'name') return thing.name;
    return (one.kind === 'type' ? typeName : site) ?? 'absent';
  };
  const requests = templates.map(({ action, levels }) => ({ action, name: levels.map(text).join('/') }));
  return { thing, requests: requests.filter(({ name }) => name !== '') };
}

function principalsOf(
  devices: readonly Device[],
  options: { entriesMax: number; wildcardValuesMin: number },
) {
  const observed = devices.map(({ thing, requests }) => {
    const sketch = new Sketch(options.entriesMax);
    for (const { action, name } of requests)
      sketch.add({ action, outcome: 'allowed', ...levelsOf(name), count: 1, firstSeenMs: 1, lastSeenMs: 1 });
    return { thing, entries: sketch.entries, isSampled: false };
  });
  const policy = synthesisePolicy(observed, options);
  if (policy === undefined) return undefined;
  const { document } = parsePolicy(policy.document, binding);
  return devices.map(({ thing }) =>
    compilePrincipal([{ name: 'p', versionId: 1, document, via: 'certificate' }], {
      clientId: thing.name,
      thing,
    }),
  );
}

test('a synthesised policy can be saved, and allows every request that was recorded', () => {
  fc.assert(
    fc.property(
      fleet,
      fc.integer({ min: 4, max: 40 }),
      fc.integer({ min: 2, max: 8 }),
      (devices, entriesMax, wildcardValuesMin) => {
        const principals = principalsOf(devices, { entriesMax, wildcardValuesMin });
        for (const [index, { requests }] of devices.entries())
          for (const { action, name } of requests) {
            const decision = principals?.[index]?.decide(action, name);
            expect(decision, `${action} ${name}`).toMatchObject({ kind: 'allow' });
          }
      },
    ),
    { numRuns: 300 },
  );
});

test('where levels are named by the thing, no thing may do what another did under its own name', () => {
  const named = fc
    .array(fc.array(fc.constantFrom('a', 'b', 'name'), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 6,
    })
    .map((templates) => templates.map((levels) => levels.concat('name')));
  fc.assert(
    fc.property(named, fc.integer({ min: 2, max: 4 }), (templates, count) => {
      const requestsOf = (name: string) =>
        templates.map((levels) => ({
          action: 'iot:Publish' as const,
          name: levels.map((one) => (one === 'name' ? name : one)).join('/'),
        }));
      const devices = Array.from({ length: count }, (_, index) => ({
        thing: { name: `dev${index}` },
        requests: requestsOf(`dev${index}`),
      }));
      const principals = principalsOf(devices, { entriesMax: 128, wildcardValuesMin: 8 }) ?? [];
      for (const [own, principal] of principals.entries())
        for (const [index, { requests }] of devices.entries())
          for (const { action, name } of requests)
            expect(principal.allows(action, name), `${own} ${name}`).toBe(own === index);
    }),
  );
});
