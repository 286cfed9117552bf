import type { KeptPresence, PresenceStore, Visit } from '../presence/store.ts';
import { type Database, readsOf } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { pageLimit, pageRowsMax } from './paging.ts';
import { rowReplacer } from './row-inserter.ts';
import type { Schema } from './schema.ts';

type PresenceRow = Schema['thing_presence'];

const columns = [
  'thing_name',
  'is_connected',
  'at_ms',
  'client_id',
  'session_id',
  'remote_address',
  'tls_version',
  'cipher',
  'end_reason',
  'ended_at_ms',
  'flapping_until_ms',
] as const;

/** What is known of the connections of things, a row each. */
export function createPresenceStore(database: Database): PresenceStore {
  const replace = rowReplacer('thing_presence', 'thing_name');
  return {
    find: async (names, tx) => {
      if (names.length === 0) return [];
      const rows = await readsOf(database, tx)
        .selectFrom('thing_presence')
        .select(columns)
        .where('thing_name', 'in', names.slice(0, pageRowsMax))
        .execute();
      return rows.map(toKept);
    },
    save: (tx, kept) => replace(tx, kept.map(toRow)),
    page: async ({ after, limit }) => {
      const page = database.reads
        .selectFrom('thing_presence')
        .select(columns)
        .orderBy('thing_name')
        .limit(pageLimit(limit));
      const rows = await (after === undefined ? page : page.where('thing_name', '>', after)).execute();
      return rows.map(toKept);
    },
    forget: async (tx, name) => {
      await queriesOf(tx).deleteFrom('thing_presence').where('thing_name', '=', name).execute();
    },
  };
}

function toRow({ thingName, isConnected, atMs, visit, lastEnd, flappingUntilMs }: KeptPresence): PresenceRow {
  return {
    thing_name: thingName,
    is_connected: isConnected ? 1 : 0,
    at_ms: atMs,
    client_id: visit?.clientId ?? null,
    session_id: visit?.sessionIdentifier ?? null,
    remote_address: visit?.remoteAddress ?? null,
    tls_version: visit?.tlsVersion ?? null,
    cipher: visit?.cipher ?? null,
    end_reason: lastEnd?.reason ?? null,
    ended_at_ms: lastEnd?.atMs ?? null,
    flapping_until_ms: flappingUntilMs ?? null,
  };
}

function toKept(row: PresenceRow): KeptPresence {
  const { end_reason: reason, ended_at_ms: endedAtMs, flapping_until_ms: flappingUntilMs } = row;
  const visit = toVisit(row);
  return {
    thingName: row.thing_name,
    isConnected: row.is_connected === 1,
    atMs: row.at_ms,
    ...(visit === undefined ? {} : { visit }),
    ...(reason === null || endedAtMs === null ? {} : { lastEnd: { reason, atMs: endedAtMs } }),
    ...(flappingUntilMs === null ? {} : { flappingUntilMs }),
  };
}

function toVisit(row: PresenceRow): Visit | undefined {
  const { client_id: clientId, session_id: sessionIdentifier, tls_version: tlsVersion, cipher } = row;
  if (clientId === null || sessionIdentifier === null || tlsVersion === null || cipher === null)
    return undefined;
  const remoteAddress = row.remote_address === null ? {} : { remoteAddress: row.remote_address };
  return { clientId, sessionIdentifier, tlsVersion, cipher, ...remoteAddress };
}
