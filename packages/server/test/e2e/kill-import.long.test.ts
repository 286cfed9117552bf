import { createGroup, importThings, listThings } from '@fleetward/protocol';
import { expect, test } from 'vitest';
import { ApiSession } from './api-session.ts';
import { killEachRound } from './kill-loop.ts';
import { assertWhole } from './whole.ts';

const rounds = 4;
const batches = 9;
const batchThings = 100;
const groupName = 'imported';

test('kill -9 at any moment of an import leaves whole batches, and the same import again ends with every thing once', {
  timeout: 240_000,
}, async () => {
  await using session = await ApiSession.start({});
  await session.api.call(createGroup, { body: { groupName } });
  const fleet = Array.from({ length: batches }, (_, batch) =>
    Array.from({ length: batchThings }, (_, index) => thingOf(batch * batchThings + index)),
  );
  const answered = new Set<number>();
  await killEachRound(session, {
    rounds,
    answered: () => answered.size,
    answersMax: 3,
    pauseMsMax: 256,
    begin: async () => () => importAll(session, { fleet, answered }),
    lost: async () => {
      const names = await namesOf(session);
      const found = fleet.map((things) => things.filter(({ thingName }) => names.has(thingName)).length);
      expect(found.filter((count) => count !== 0 && count !== batchThings)).toEqual([]);
      return [...answered].filter((batch) => found[batch] === 0).map((batch) => `batch ${batch}`);
    },
  });
  await importAll(session, { fleet, answered });
  const trail = await assertWhole(session);
  expect(await namesOf(session)).toEqual(new Set(fleet.flat().map(({ thingName }) => thingName)));
  expect(trail.values('thing.created', 'thingName').toSorted()).toEqual(
    fleet
      .flat()
      .map(({ thingName }) => thingName)
      .toSorted(),
  );
});

function thingOf(index: number) {
  return {
    thingName: `lamp-${String(index).padStart(5, '0')}`,
    attributes: { serial: `S${index}` },
    tags: { ring: '1' },
    groupNames: [groupName],
  };
}

type Fleet = readonly (readonly ReturnType<typeof thingOf>[])[];

async function importAll(
  { api }: ApiSession,
  { fleet, answered }: { readonly fleet: Fleet; readonly answered: Set<number> },
): Promise<void> {
  for (const [batch, things] of fleet.entries()) {
    const { results } = await api.call(importThings, { body: { things: [...things] } });
    expect(results.filter(({ outcome }) => outcome !== 'created' && outcome !== 'unchanged')).toEqual([]);
    answered.add(batch);
  }
}

/** The names of all things that have all that the import gives them. */
async function namesOf({ api }: ApiSession): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (let after: string | undefined; ; ) {
    const query = {
      limit: 1_000,
      query: `group:${groupName} and tag.ring:1`,
      ...(after === undefined ? {} : { after }),
    };
    const { things, next } = await api.call(listThings, { query });
    for (const { thingName } of things) names.add(thingName);
    if (next === undefined) return names;
    after = next;
  }
}
