import { type RawBuilder, sql } from 'kysely';
import type { DatabaseKind } from './statement.ts';

/** The column types that the two databases name differently. */
export interface ColumnTypes {
  readonly bytes: 'blob' | 'bytea';
  /** 64 bits: times in milliseconds, sequence and version numbers. */
  readonly integer: 'integer' | 'bigint';
  /** Compared byte by byte on both, so that pages have one order whatever the server's locale is. */
  readonly text: 'text' | RawBuilder<unknown>;
}

export const columnTypes: Readonly<Record<DatabaseKind, ColumnTypes>> = {
  sqlite: { bytes: 'blob', integer: 'integer', text: 'text' },
  postgres: { bytes: 'bytea', integer: 'bigint', text: sql`text collate "C"` },
};
