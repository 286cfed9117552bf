import { describe, expect, test } from 'vitest';
import { levelsOf, type ObservedThing, type PolicyAction, synthesisePolicy } from '../../src/index.ts';

const wildcardValuesMin = 4;
const NAME = '${iot:Connection.Thing.ThingName}';

type Did = readonly [action: string, name: string, count?: number];

function observed(name: string, did: readonly Did[], facts: object = {}): ObservedThing {
  const entries = did.map(([action, resource, count = 1]) => ({
    action: `iot:${action}` as PolicyAction,
    outcome: 'allowed' as const,
    ...levelsOf(resource),
    count,
    firstSeenMs: 1,
    lastSeenMs: 2,
  }));
  return { thing: { name, ...facts }, entries, isSampled: false };
}

function resources(things: readonly ObservedThing[]): readonly string[] {
  const { statements = [] } = synthesisePolicy(things, { wildcardValuesMin }) ?? {};
  return statements.flatMap(({ resources: all }) => all.map(({ resource }) => resource));
}

describe('the least policy', () => {
  test('names the thing where each has its own name, and keeps what all say alike', () => {
    const things = ['pump-1', 'pump-2'].map((name) =>
      observed(name, [
        ['Connect', name],
        ['Publish', `telemetry/${name}/temperature`],
        ['Subscribe', `commands/${name}/#`],
        ['Receive', 'news'],
      ]),
    );
    const policy = synthesisePolicy(things, { wildcardValuesMin });
    expect(policy?.statements).toMatchObject([
      { sid: 'Connect1', resources: [{ resource: `client/${NAME}`, things: 2, requests: 2 }] },
      { sid: 'Publish2', resources: [{ resource: `topic/telemetry/${NAME}/temperature` }] },
      { sid: 'Receive3', resources: [{ resource: 'topic/news' }] },
      { sid: 'Subscribe4', resources: [{ resource: `topicfilter/commands/${NAME}/#` }] },
    ]);
    expect(policy?.warnings).toEqual([]);
    expect(JSON.parse(policy?.document ?? '')).toMatchObject({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'Connect1',
          Action: 'iot:Connect',
          Resource: [`arn:aws:iot:REGION:ACCOUNT_ID:client/${NAME}`],
        },
        {},
        {},
        {},
      ],
    });
  });

  test('says type and attributes where they tell things apart, and plain text where all have the same', () => {
    const facts = (site: string) => ({ typeName: `type-${site}`, attributes: { site, plant: 'north' } });
    const things = ['hall', 'yard'].map((site, index) =>
      observed(`t${index}`, [['Publish', `north/${site}/type-${site}`]], facts(site)),
    );
    expect(resources(things)).toEqual([
      'topic/north/${iot:Connection.Thing.Attributes[site]}/${iot:Connection.Thing.ThingTypeName}',
    ]);
  });

  test('puts variables that a thing may not have into a statement of their own', () => {
    const things = [
      observed(
        't1',
        [
          ['Publish', 'a/hall'],
          ['Publish', 'b'],
        ],
        { attributes: { site: 'hall' } },
      ),
      observed(
        't2',
        [
          ['Publish', 'a/yard'],
          ['Publish', 'b'],
        ],
        { attributes: { site: 'yard' } },
      ),
      observed('t3', [['Publish', 'b']]),
    ];
    const { statements = [] } = synthesisePolicy(things, { wildcardValuesMin }) ?? {};
    expect(statements.map(({ resources: all }) => all.map(({ resource }) => resource))).toEqual([
      ['topic/b'],
      ['topic/a/${iot:Connection.Thing.Attributes[site]}'],
    ]);
  });

  test('has a wildcard only where one thing varies enough by itself, and says so', () => {
    const several = (count: number) =>
      Array.from({ length: count }, (_, index): Did => ['Publish', `jobs/${index}/done`]);
    expect(resources([observed('t1', several(3))])).toHaveLength(3);
    expect(resources([observed('t1', several(4))])).toEqual(['topic/jobs/*/done']);
    const policy = synthesisePolicy([observed('t1', several(4))], { wildcardValuesMin });
    expect(policy?.warnings).toMatchObject([{ kind: 'wildcard' }]);
    const apart = several(5).map((did, index) => observed(`t${index}`, [did]));
    expect(resources(apart)).toHaveLength(5);
    const warnings = synthesisePolicy(apart, { wildcardValuesMin })?.warnings;
    expect(warnings).toMatchObject([{ kind: 'unexplained-level' }]);
    expect(warnings?.[0]?.message).toContain('`topic/jobs/*/done`');
  });

  test('leaves out what a wildcard covers', () => {
    const things = [
      observed('t1', [
        ...['1', '2', '3', '4'].map((value): Did => ['Publish', `a/${value}`]),
        ['Publish', 'a/t1'],
      ]),
    ];
    expect(resources(things)).toEqual(['topic/a/*']);
  });

  test('writes what a policy would read as more than itself so that it is itself', () => {
    expect(resources([observed('t1', [['Publish', 'a*b/c?/$aws/${x}/$(y)']])])).toEqual([
      'topic/a${*}b/c${?}/$aws/${$}{x}/${$}(y)',
    ]);
  });

  test('is nothing for things that did nothing, or were only denied', () => {
    const denied = observed('t1', [['Publish', 'a']]);
    const entries = denied.entries.map((entry) => ({ ...entry, outcome: 'denied' as const }));
    expect(synthesisePolicy([{ ...denied, entries }], { wildcardValuesMin })).toBeUndefined();
    expect(synthesisePolicy([], { wildcardValuesMin })).toBeUndefined();
  });

  test('says of which things only a sample is known, and when not everything fits into one document', () => {
    const words = Array.from({ length: 1_000 }, (_, index) =>
      observed(`t${index}`, [['Publish', `${index}/x`]]),
    );
    const policy = synthesisePolicy(
      words.map((one) => ({ ...one, isSampled: true })),
      { wildcardValuesMin },
    );
    expect(policy?.document.length).toBeLessThanOrEqual(16_384);
    expect(policy?.warnings.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['sampled', 'too-large', 'wildcard']),
    );
  });
});
