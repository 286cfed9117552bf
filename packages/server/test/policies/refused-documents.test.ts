import { parsePolicyName } from '@fleetward/core';
import { POLICY_BYTES_MAX } from '@fleetward/policy';
import { needs, startPostgres, temporaryFolder } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';
import { allow } from './documents.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const name = parsePolicyName('lamps');
const good = allow('iot:Publish', 'topic/good');

const refused: Readonly<Record<string, string>> = {
  'that is not JSON': '{',
  'above the size limit': allow('iot:Publish', `topic/${'a'.repeat(POLICY_BYTES_MAX)}`),
  'nested too deep': `${'['.repeat(64)}${']'.repeat(64)}`,
  'with a member twice': good.replace('"Effect":"Allow"', '"Effect":"Deny","Effect":"Allow"'),
  'with a member that is not known': good.replace('"Effect"', '"Efect"'),
  'with an action that is not known': allow('iot:Publsh', 'topic/a'),
  'with an operator that is not known': good.replace(
    '}]',
    ',"Condition":{"StringLik":{"iot:ClientId":"a"}}}]',
  ),
  'with an ARN of another account': good.replace('ACCOUNT_ID', '999999999999'),
};

/** Everything that is kept of policies, and what decides. */
async function keptOf({ storage, policies, trail }: Platform) {
  const { policies: store } = storage.stores;
  const records = await store.list();
  return {
    records,
    versions: await Promise.all(records.map((record) => store.versions(record.name))),
    trail: await trailOf(trail),
    inForce: policies.inForce(name).versionId,
  };
}

async function refusesEach(platform: Platform): Promise<void> {
  const { policies } = platform;
  await policies.create({ name, document: good }, operator);
  const before = await keptOf(platform);
  for (const [what, document] of Object.entries(refused)) {
    const another = { name: parsePolicyName('another'), document };
    const invalid = { code: 'policy.invalid' };
    await expect(policies.create(another, operator), what).rejects.toMatchObject(invalid);
    for (const setAsDefault of [true, false]) {
      const version = { name, document, setAsDefault };
      await expect(policies.versions.create(version, operator), what).rejects.toMatchObject(invalid);
    }
    expect(await keptOf(platform), what).toEqual(before);
  }
}

/** A version as an earlier or damaged platform may have left it. */
async function refusesWhatIsStored(platform: Platform): Promise<void> {
  const { policies, storage } = platform;
  await policies.create({ name, document: good }, operator);
  const document = allow('iot:Publsh', 'topic/a');
  const { policies: store } = storage.stores;
  await storage.transactor.transact((tx) =>
    store.addVersion(tx, { name, versionId: 2, document, createdAtMs: 1 }),
  );
  const before = await keptOf(platform);
  await expect(policies.versions.setDefault({ name, versionId: 2 }, operator)).rejects.toMatchObject({
    code: 'policies.stored_invalid',
  });
  expect(await keptOf(platform)).toEqual(before);
}

const refusals = [
  ['a refused document leaves no policy, no version, no trail entry and the default as it was', refusesEach],
  ['a stored version that does not compile cannot become the default', refusesWhatIsStored],
] as const;

describe('on SQLite', () => {
  test.for(refusals)('%s', async ([, refuses]) => {
    using folder = temporaryFolder();
    const platform = await openPlatform({ folder: folder.path });
    await refuses(platform).finally(() => platform.close());
  });
});

needs('initdb', 'postgresql').describe('on PostgreSQL', () => {
  test.for(refusals)('%s', async ([, refuses]) => {
    using folder = temporaryFolder();
    await using postgres = await startPostgres();
    const limits = { connectionsMax: 5, transactionMs: 2_000, transactionsPendingMax: 100 };
    const storage = { ...postgres.storage, ...limits };
    const platform = await openPlatform({ folder: folder.path, storage });
    await refuses(platform).finally(() => platform.close());
  });
});
