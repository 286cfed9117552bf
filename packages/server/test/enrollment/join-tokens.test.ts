import { parseGroupName, parsePolicyName } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';

const operator = { operatorId: 'ada' };
const terms = {
  namePattern: 'pump-*',
  profile: 'device',
  usesMax: 1,
  validityMs: 60_000,
  policies: [],
} as const;
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

describe('a join token', () => {
  test('is listed with its terms, and its making stands in the trail', async () => {
    const { token } = await platform.enrollment.tokens.create(terms, operator);
    expect(token).toMatchObject({ namePattern: 'pump-*', usesLeft: 1, createdBy: 'ada' });
    expect(token.expiresAtMs).toBe(platform.clock.now() + 60_000);
    expect(await platform.enrollment.tokens.list()).toEqual([token]);
    expect(await trailOf(platform.trail)).toMatchObject([
      { kind: 'join_token.created', payload: { tokenId: token.tokenId, namePattern: 'pump-*' } },
    ]);
  });

  test.for([
    ['a name pattern with a slash', { namePattern: 'a/b' }],
    ['an empty name pattern', { namePattern: '' }],
    ['no use', { usesMax: 0 }],
    ['half a use', { usesMax: 0.5 }],
    ['more than a million uses', { usesMax: 1_000_001 }],
    ['no validity', { validityMs: 0 }],
    ['a validity of two years', { validityMs: 2 * 366 * 86_400_000 }],
    ['a group for what has no thing', { profile: 'claim', groupName: parseGroupName('lamps') }],
    ['eleven policies', { policies: Array.from({ length: 11 }, (_, n) => parsePolicyName(`p${n}`)) }],
  ] as const)('with %s is not made', async ([, wrong]) => {
    await expect(platform.enrollment.tokens.create({ ...terms, ...wrong }, operator)).rejects.toMatchObject({
      code: 'enrollment.token_invalid',
    });
    expect(await platform.enrollment.tokens.list()).toEqual([]);
  });

  test('that names a group that does not exist is not made', async () => {
    const wanted = { ...terms, groupName: parseGroupName('missing') };
    await expect(platform.enrollment.tokens.create(wanted, operator)).rejects.toMatchObject({
      code: 'groups.not_found',
    });
  });

  test('that names a policy that does not exist is not made', async () => {
    const policies = [parsePolicyName('missing')];
    await expect(platform.enrollment.tokens.create({ ...terms, policies }, operator)).rejects.toMatchObject({
      code: 'policies.not_found',
    });
  });
});
