import { parseThingName } from '@fleetward/core';
import { sql } from 'kysely';
import type { ShadowStore, StoredShadow } from '../shadows/store.ts';
import { type Database, readsOf } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { pageLimit, pageRowsMax, storedJson } from './paging.ts';
import { rowReplacer } from './row-inserter.ts';
import type { Schema } from './schema.ts';

type ShadowKey = Pick<StoredShadow, 'thingName' | 'shadowName'>;

const columns = ['shadow_key', 'version', 'document', 'updated_at_ms'] as const;

const nothing = { state: {}, times: {} };

/** Shadows, a row each; those of a thing stand together. */
export function createShadowStore(database: Database): ShadowStore {
  const replace = rowReplacer('shadows', 'shadow_key');
  return {
    find: async (keys, tx) => {
      if (keys.length === 0) return [];
      const rows = await readsOf(database, tx)
        .selectFrom('shadows')
        .select(columns)
        .where('shadow_key', 'in', keys.slice(0, pageRowsMax).map(textOf))
        .execute();
      return rows.map(toShadow);
    },
    registered: async (tx, names) => {
      const rows = await queriesOf(tx)
        .selectFrom('things')
        .select('name')
        .where('name', 'in', names.slice(0, pageRowsMax))
        .execute();
      return rows.map(({ name }) => name);
    },
    save: (tx, shadows) => replace(tx, shadows.map(toRow)),
    ofThing: async (thingName, { after, limit }, tx) => {
      const rows = await readsOf(database, tx)
        .selectFrom('shadows')
        .select(columns)
        .where('shadow_key', after === undefined ? '>=' : '>', `${thingName}/${after ?? ''}`)
        .where('shadow_key', '<', endOf(thingName))
        .orderBy('shadow_key')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(toShadow);
    },
    page: async ({ shadowNames, after, limit }) => {
      // `_` in a name stands for any character: that finds more than is wanted, which is allowed. What is not is left out here.
      const isWanted = sql.join(
        shadowNames.map((name) => sql`shadow_key like ${`%/${name}`}`),
        sql` or `,
      );
      const wanted = sql<string | null>`case when ${isWanted} then document end`.as('document');
      const page = database.reads
        .selectFrom('shadows')
        .select(['shadow_key', wanted])
        .orderBy('shadow_key')
        .limit(pageLimit(limit));
      const rows = await (after === undefined
        ? page
        : page.where('shadow_key', '>', textOf(after))
      ).execute();
      return rows.map(({ shadow_key, document }) => ({
        ...keyOf(shadow_key),
        state: documentOf(document).state,
      }));
    },
    remove: async (tx, key) => {
      await queriesOf(tx).deleteFrom('shadows').where('shadow_key', '=', textOf(key)).execute();
    },
    forget: async (tx, thingName) => {
      await queriesOf(tx)
        .deleteFrom('shadows')
        .where('shadow_key', '>=', `${thingName}/`)
        .where('shadow_key', '<', endOf(thingName))
        .execute();
    },
  };
}

function textOf({ thingName, shadowName }: ShadowKey): string {
  return `${thingName}/${shadowName}`;
}

/** Above all keys of the thing: `0` is what comes after `/`, which is in no name. */
function endOf(thingName: string): string {
  return `${thingName}0`;
}

function toRow({ version, state, times, isDeleted, updatedAtMs, ...key }: StoredShadow): Schema['shadows'] {
  return {
    shadow_key: textOf(key),
    version,
    document: isDeleted ? null : JSON.stringify({ state, times }),
    updated_at_ms: updatedAtMs,
  };
}

function toShadow(row: Schema['shadows']): StoredShadow {
  const document = documentOf(row.document);
  return {
    ...keyOf(row.shadow_key),
    version: row.version,
    state: document.state,
    times: document.times,
    isDeleted: row.document === null,
    updatedAtMs: row.updated_at_ms,
  };
}

function keyOf(text: string): ShadowKey {
  const [thingName = '', shadowName = ''] = text.split('/');
  return { thingName: parseThingName(thingName), shadowName };
}

function documentOf(text: string | null): Pick<StoredShadow, 'state' | 'times'> {
  return text === null ? nothing : storedJson(text, isDocument);
}

/** This platform wrote it; its shape is enough to know that nothing else did. */
function isDocument(value: unknown): value is Pick<StoredShadow, 'state' | 'times'> {
  return typeof value === 'object' && value !== null && 'state' in value && 'times' in value;
}
