import { parseGroupName, parseThingName } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GivenThing } from '../../src/things/import-rules.ts';
import { ThingImports } from '../../src/things/index.ts';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';

const actor = { kind: 'operator', operatorId: 'ada' } as const;
const pump = parseThingName('pump');
const yard = parseGroupName('yard');
const limits = { groupsMax: 12, levelsMax: 7, groupsPerThingMax: 2, policiesPerGroupMax: 1 };
let folder: TemporaryFolder;
let platform: Platform;
let imports: ThingImports;

beforeEach(async () => {
  folder = temporaryFolder();
  await open();
  await platform.groups.create({ name: yard }, actor);
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

async function open(again?: Platform): Promise<void> {
  platform = await openPlatform({
    folder: folder.path,
    groups: limits,
    ...(again && { keys: again.keys, clock: again.clock }),
  });
  const { things, groups, storage, clock } = platform;
  imports = new ThingImports({ things, groups, transactor: storage.transactor, clock });
}

const run = (given: readonly GivenThing[], terms: { update?: boolean; dryRun?: boolean } = {}) =>
  imports.run(given, { update: false, dryRun: false, actor, ...terms });
const outcomesOf = async (...parameters: Parameters<typeof run>) =>
  (await run(...parameters)).map(({ outcome }) => outcome);
const whole: GivenThing = {
  thingName: 'pump',
  typeName: 'pump',
  attributes: { site: 'north' },
  tags: { ring: '1' },
  groupNames: ['yard'],
  lifecycleState: 'active',
};

describe('what is new', () => {
  test('is made with all that is given, in memory, in the records and in the trail', async () => {
    expect(await outcomesOf([whole, { thingName: 'valve' }])).toEqual(['created', 'created']);
    const made = { typeName: 'pump', attributes: { site: 'north' }, tags: { ring: '1' }, state: 'active' };
    expect(platform.things.get(pump)).toMatchObject(made);
    const { lifecycleState, ...rest } = whole;
    expect((await trailOf(platform.trail)).slice(-2)).toEqual([
      { kind: 'thing.created', payload: { ...rest, lifecycleState } },
      { kind: 'thing.created', payload: { thingName: 'valve', attributes: {} } },
    ]);
    await platform.close();
    await open(platform);
    expect(platform.things.get(pump)).toMatchObject(made);
    expect(platform.groups.groupsOf(pump)).toEqual(['yard']);
    expect(platform.things.get(parseThingName('valve')).state).toBe('manufactured');
  });

  test('is made once, though two imports and an operator make it at the same time', async () => {
    const many = Array.from({ length: 20 }, (_, at) => ({ thingName: `n${at}`, groupNames: ['yard'] }));
    const [first, second] = await Promise.all([
      outcomesOf(many),
      outcomesOf(many),
      platform.things.create({ name: parseThingName('n7') }, actor).catch(() => undefined),
    ]);
    const created = [...first, ...second].filter((outcome) => outcome === 'created');
    const entries = (await trailOf(platform.trail)).filter(({ kind }) => kind === 'thing.created');
    expect(entries).toHaveLength(20);
    expect([19, 20]).toContain(created.length);
    expect([...first, ...second]).not.toContain('refused');
  });

  test.for([
    ['a name with a slash', { thingName: 'a/b' }, 'core.invalid_id'],
    ['a type with a space', { thingName: 'a', typeName: 'a b' }, 'things.invalid'],
    [
      'an attribute that is too long',
      { thingName: 'a', attributes: { a: 'x'.repeat(801) } },
      'things.invalid',
    ],
    [
      'half a character, which no file gives back',
      { thingName: 'a', attributes: { a: '\ud800' } },
      'things.invalid',
    ],
    ['half a character in a tag', { thingName: 'a', tags: { a: '\udfff' } }, 'things.invalid'],
    ['a group that is not there', { thingName: 'a', groupNames: ['none'] }, 'groups.not_found'],
    ['a dynamic group', { thingName: 'a', groupNames: ['low'] }, 'groups.dynamic'],
    ['more groups than it may be in', { thingName: 'a', groupNames: ['yard', 'g1', 'g2'] }, 'groups.limit'],
    [
      'more than an entry of the trail holds',
      {
        thingName: 'a',
        attributes: Object.fromEntries(
          Array.from({ length: 50 }, (_, at) => [`a${at}`, '\u{1f4a1}'.repeat(400)]),
        ),
      },
      'things.invalid',
    ],
  ] as const)('is refused with %s, and the others are made', async ([, wrong, reason]) => {
    await platform.groups.create({ name: parseGroupName('low'), query: 'connected:false' }, actor);
    for (const name of ['g1', 'g2']) await platform.groups.create({ name: parseGroupName(name) }, actor);
    const results = await run([{ thingName: 'first' }, wrong, { thingName: 'last' }]);
    expect(results).toMatchObject([
      { outcome: 'created' },
      { outcome: 'refused', reason },
      { outcome: 'created' },
    ]);
    expect([...platform.things.names()].sort()).toEqual(['first', 'last']);
    expect(imports.counts).toMatchObject({ created: 2, refused: 1 });
  });

  test('is refused the second time in one request', async () => {
    expect(await outcomesOf([{ thingName: 'a' }, { thingName: 'a', typeName: 'pump' }])).toEqual([
      'created',
      'refused',
    ]);
    expect(platform.things.get(parseThingName('a')).typeName).toBeUndefined();
  });
});

describe('what is there', () => {
  beforeEach(() => run([whole]));

  test('is passed over when it is as given, also by one that says less and by one that came further by itself', async () => {
    const before = await trailOf(platform.trail);
    const less = { thingName: 'pump', groupNames: [], attributes: { site: 'north' } };
    expect(await outcomesOf([whole])).toEqual(['unchanged']);
    expect(await outcomesOf([less], { update: true })).toEqual(['unchanged']);
    expect(await outcomesOf([{ ...whole, lifecycleState: 'manufactured' }])).toEqual(['unchanged']);
    expect(await trailOf(platform.trail)).toEqual(before);
  });

  test('is told and left when it is otherwise, and with `update` given that and keeps the rest', async () => {
    await platform.groups.create({ name: parseGroupName('hall') }, actor);
    const other = { thingName: 'pump', attributes: { floor: '2' }, groupNames: ['hall'] };
    expect(await run([other])).toMatchObject([
      {
        outcome: 'differs',
        reason: 'things.exists',
        explanation: expect.stringContaining('attributes, groups'),
      },
    ]);
    expect(platform.things.get(pump).attributes).toEqual({ site: 'north' });
    expect(await outcomesOf([other], { update: true })).toEqual(['updated']);
    expect(platform.things.get(pump).attributes).toEqual({ site: 'north', floor: '2' });
    expect(platform.groups.groupsOf(pump)).toEqual(['yard', 'hall']);
    expect((await trailOf(platform.trail)).slice(-2).map(({ kind }) => kind)).toEqual([
      'group.thing_added',
      'thing.updated',
    ]);
    expect(await outcomesOf([other], { update: true })).toEqual(['unchanged']);
  });

  test.for(['quarantined', 'retired'] as const)(
    'that is %s stays so, and nothing of it is changed',
    async (state) => {
      await platform.things.states.change({ name: pump, to: state }, actor);
      const given = { ...whole, attributes: { site: 'south' } };
      expect(await outcomesOf([given], { update: true })).toEqual(['differs']);
      expect(platform.things.get(pump)).toMatchObject({ state, attributes: { site: 'north' } });
    },
  );

  test('is not shut out by an import either', async () => {
    for (const lifecycleState of ['quarantined', 'retired'] as const)
      expect(await outcomesOf([{ ...whole, lifecycleState }], { update: true })).toEqual(['differs']);
    expect(platform.things.get(pump).state).toBe('active');
  });

  test('changes for live connections at once, as by an operator', async () => {
    const { certificateId } = (await issueDevice(platform, 'pump')).record;
    await platform.things.attachments.attach({ thingName: pump, certificateId, exclusive: false }, actor);
    await platform.groups.create({ name: parseGroupName('hall') }, actor);
    platform.events.length = 0;
    await run([{ thingName: 'pump', typeName: 'valve', groupNames: ['hall'] }], { update: true });
    expect(platform.events).toMatchObject([
      { kind: 'group-changed', groupName: 'hall', certificateIds: [certificateId] },
      { kind: 'thing-changed', thingName: 'pump', certificateIds: [certificateId] },
    ]);
  });
});

test('a dry run says what would become of each, and changes nothing', async () => {
  await run([whole]);
  const before = await trailOf(platform.trail);
  const counts = { ...imports.counts };
  const given = [
    { thingName: 'new', groupNames: ['yard'] },
    whole,
    { thingName: 'pump', typeName: 'valve' },
    { thingName: 'a/b' },
  ];
  for (const update of [true, false])
    expect(await outcomesOf([given[0]!, given[1]!, given[3]!], { update, dryRun: true })).toEqual([
      'created',
      'unchanged',
      'refused',
    ]);
  expect(await outcomesOf([given[2]!], { update: true, dryRun: true })).toEqual(['updated']);
  expect([...platform.things.names()]).toEqual(['pump']);
  expect(platform.things.get(pump).typeName).toBe('pump');
  expect(await trailOf(platform.trail)).toEqual(before);
  expect(imports.counts).toEqual(counts);
});
