import type { Pool } from 'pg';
import { StoreError } from '../../store-error.ts';
import { statementsOn } from './transactor.ts';

/** What a server, not a session, has on or off. */
export type SyncSetting = 'fsync' | 'full_page_writes';

/** Throws `store.not_durable` where the server does not sync what it commits, or where a power cut may tear its pages. */
export async function assertSyncs(pool: Pool, mayBeOff: readonly SyncSetting[]): Promise<void> {
  const { rows } = await statementsOn(pool)({
    sql: `select format('\`%s\` (by: %s)', name, source) as off from pg_settings
          where name in ('fsync', 'full_page_writes') and setting = 'off' and name <> all ($1) order by name`,
    parameters: [mayBeOff],
  });
  if (rows.length === 0) return;
  const off = rows.map((row) => Reflect.get(row as object, 'off')).join(' and ');
  throw new StoreError(
    'store.not_durable',
    `off on the database server: ${off}. What is committed could be gone after a power cut. Turn it on there, or name it in \`storage.mayBeOff\` (docs/how-to/run-with-postgresql.md)`,
  );
}
