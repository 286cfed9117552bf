import type { StoreChange } from '@fleetward/mqtt';
import type { Database } from 'better-sqlite3';
import { unpackIdentifiers, writeChange } from './change-codec.ts';
import { PackedWriter } from './packed-bytes.ts';

const pageBytes = 256 * 1024;

/** Deletes what belongs to nobody: the rows of sessions that are not there, and messages no session is owed. */
export function removeOrphans(database: Database): void {
  database
    .transaction(() => {
      for (const table of ['subscriptions', 'deliveries', 'inbound', 'wills'])
        database.exec(`delete from ${table} where session not in (select session from sessions)`);
      database.exec('delete from deliveries where message not in (select message from messages)');
      database.exec('delete from messages where message not in (select message from deliveries)');
    })
    .immediate();
}

export function readNumbers(database: Database): { lastSession: number; lastMessage: number } {
  const row = database.prepare('select last_session, last_message from numbers').get() as Row;
  return { lastSession: integer(row, 'last_session'), lastMessage: integer(row, 'last_message') };
}

/** Everything there is as changes that would make it, packed in pages of about 256 KiB: memory for one page at a time. */
export function* readPages(database: Database): Generator<PackedWriter> {
  let page = new PackedWriter();
  for (const change of readChanges(database)) {
    writeChange(page, change);
    if (page.length < pageBytes) continue;
    yield page;
    page = new PackedWriter();
  }
  if (page.length > 0) yield page;
}

function* readChanges(database: Database): Generator<StoreChange> {
  for (const { sql, toChange } of queries)
    for (const row of database.prepare(sql).iterate()) yield toChange(row as Row);
}

type Row = Readonly<Record<string, unknown>>;

const queries: readonly { readonly sql: string; readonly toChange: (row: Row) => StoreChange }[] = [
  {
    sql: 'select session, client_id, owner, principal, epoch, expiry_seconds, disconnected_at_ms from sessions order by session',
    toChange: (row) => ({
      kind: 'session',
      session: integer(row, 'session'),
      clientId: text(row, 'client_id'),
      owner: text(row, 'owner'),
      principal: text(row, 'principal'),
      epoch: integer(row, 'epoch'),
      expirySeconds: integer(row, 'expiry_seconds'),
      disconnectedAtMs: row.disconnected_at_ms === null ? undefined : integer(row, 'disconnected_at_ms'),
    }),
  },
  {
    sql: 'select session, filter, qos, no_local, retain_as_published, identifier from subscriptions order by session, filter',
    toChange: (row) => ({
      kind: 'subscription',
      session: integer(row, 'session'),
      filter: text(row, 'filter'),
      qos: qosOf(row),
      noLocal: bit(row, 'no_local'),
      retainAsPublished: bit(row, 'retain_as_published'),
      identifier: integer(row, 'identifier'),
    }),
  },
  {
    sql: 'select message, expires_at_ms, packet from messages order by message',
    toChange: (row) => ({
      kind: 'message',
      message: integer(row, 'message'),
      expiresAtMs: integer(row, 'expires_at_ms'),
      packet: bytes(row, 'packet'),
    }),
  },
  {
    sql: 'select session, seq, message, qos, retain, is_released, identifiers, share_name from deliveries order by session, seq',
    toChange: (row) => ({
      kind: 'delivery',
      session: integer(row, 'session'),
      seq: integer(row, 'seq'),
      message: integer(row, 'message'),
      qos: qosOf(row) === 2 ? 2 : 1,
      retain: bit(row, 'retain'),
      isReleased: bit(row, 'is_released'),
      identifiers: row.identifiers === null ? [] : unpackIdentifiers(bytes(row, 'identifiers')),
      shareName: text(row, 'share_name'),
    }),
  },
  {
    sql: 'select session, packet_id from inbound order by session, packet_id',
    toChange: (row) => ({
      kind: 'inbound',
      session: integer(row, 'session'),
      packetId: integer(row, 'packet_id'),
    }),
  },
  {
    sql: 'select topic, qos, expires_at_ms, owner, packet from retained order by topic',
    toChange: (row) => ({
      kind: 'retained',
      topic: text(row, 'topic'),
      qos: qosOf(row),
      expiresAtMs: integer(row, 'expires_at_ms'),
      owner: text(row, 'owner'),
      packet: bytes(row, 'packet'),
    }),
  },
  {
    sql: 'select session, qos, retain, delay_seconds, packet from wills order by session',
    toChange: (row) => ({
      kind: 'will',
      session: integer(row, 'session'),
      qos: qosOf(row),
      retain: bit(row, 'retain'),
      delaySeconds: integer(row, 'delay_seconds'),
      packet: bytes(row, 'packet'),
    }),
  },
];

// The tables are STRICT, so the types are what they say.
function integer(row: Row, column: string): number {
  return row[column] as number;
}

function text(row: Row, column: string): string {
  return row[column] as string;
}

function bytes(row: Row, column: string): Buffer {
  return row[column] as Buffer;
}

function bit(row: Row, column: string): boolean {
  return row[column] !== 0;
}

function qosOf(row: Row): 0 | 1 | 2 {
  return row.qos as 0 | 1 | 2;
}
