import { parseThingName } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ThingImports } from '../../src/things/index.ts';
import { openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';

const actor = { kind: 'operator', operatorId: 'ada' } as const;
const lamp = { name: 'lamp', requiredAttributes: ['serial'] };
const one = parseThingName('one');
let folder: TemporaryFolder;
let platform: Platform;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: { readonly code?: unknown }) => error.code,
  );

test('what a type requires is asked of each thing that is made, changed or imported, also after a restart', async () => {
  await platform.thingTypes.create(lamp, actor);
  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock });
  const { things, groups, storage } = platform;
  const make = (attributes: Record<string, string>) =>
    codeOf(things.create({ name: one, typeName: 'lamp', attributes }, actor));
  expect(await make({})).toBe('things.invalid');
  expect(await make({ serial: '' })).toBe('things.invalid');
  expect(await make({ serial: '7' })).toBe('done');
  expect(await codeOf(things.update(one, { attributes: { serial: null } }, actor))).toBe('things.invalid');
  await things.create({ name: parseThingName('two') }, actor);
  expect(await codeOf(things.update(parseThingName('two'), { typeName: 'lamp' }, actor))).toBe(
    'things.invalid',
  );
  const imports = new ThingImports({ things, groups, transactor: storage.transactor, clock });
  const given = [
    { thingName: 'three', typeName: 'lamp' },
    { thingName: 'two', typeName: 'lamp' },
    { thingName: 'four', typeName: 'lamp', attributes: { serial: '8' } },
  ];
  expect(await imports.run(given, { update: true, dryRun: false, actor })).toMatchObject([
    { outcome: 'refused', reason: 'things.invalid', explanation: expect.stringContaining('`serial`') },
    { outcome: 'refused', reason: 'things.invalid' },
    { outcome: 'created' },
  ]);
  expect(await codeOf(things.create({ name: parseThingName('free'), typeName: 'pump' }, actor))).toBe('done');
});

test('a type asks for nothing that a thing of it lacks, and says which', async () => {
  const { things, thingTypes } = platform;
  await things.create({ name: one, typeName: 'lamp' }, actor);
  await expect(thingTypes.create(lamp, actor)).rejects.toMatchObject({
    code: 'things.type_unmet',
    message: expect.stringContaining('`one`'),
  });
  await thingTypes.create({ name: 'lamp', requiredAttributes: [] }, actor);
  const change = { requiredAttributes: ['serial'] };
  expect(await codeOf(thingTypes.update('lamp', change, actor))).toBe('things.type_unmet');
  await things.update(one, { attributes: { serial: '7' } }, actor);
  expect(await codeOf(thingTypes.update('lamp', change, actor))).toBe('done');
  expect(thingTypes.standing('lamp')).toEqual({ things: 1, lacking: [] });
});

test('a type has tags, is changed and removed, and each of it is in the trail', async () => {
  const { thingTypes, things } = platform;
  await thingTypes.create({ ...lamp, tags: { team: 'x', old: '1' } }, actor);
  expect(await thingTypes.update('lamp', { tags: { old: null, new: '2' } }, actor)).toMatchObject({
    requiredAttributes: ['serial'],
    tags: { team: 'x', new: '2' },
  });
  expect(await codeOf(thingTypes.create(lamp, actor))).toBe('things.type_exists');
  await thingTypes.remove('lamp', actor);
  for (const gone of [thingTypes.remove('lamp', actor), thingTypes.update('lamp', {}, actor)])
    expect(await codeOf(gone)).toBe('things.type_not_found');
  expect(await codeOf(things.create({ name: one, typeName: 'lamp' }, actor))).toBe('done');
  expect((await trailOf(platform.trail)).filter(({ kind }) => kind.startsWith('thing_type'))).toEqual([
    {
      kind: 'thing_type.created',
      payload: { typeName: 'lamp', requiredAttributes: ['serial'], tags: { team: 'x', old: '1' } },
    },
    {
      kind: 'thing_type.updated',
      payload: { typeName: 'lamp', requiredAttributes: ['serial'], tags: { team: 'x', new: '2' } },
    },
    { kind: 'thing_type.removed', payload: { typeName: 'lamp' } },
  ]);
});

test('there are at most as many types as the setting says, and they come in pages', async () => {
  const { thingTypes } = platform;
  for (const name of ['b', 'a', 'c']) await thingTypes.create({ name, requiredAttributes: [] }, actor);
  expect(await codeOf(thingTypes.create({ name: 'd', requiredAttributes: [] }, actor))).toBe(
    'things.type_limit',
  );
  expect(thingTypes.page({ after: 'a', limit: 1 }).map(({ name }) => name)).toEqual(['b']);
  expect(thingTypes.count).toBe(3);
});
