import pg from 'pg';
import { StoreError } from '../../store-error.ts';

const bigintOid = 20;
const byteaOid = 17;

/** Reads 64-bit integers as numbers, refusing those a number cannot hold, and bytes as plain `Uint8Array`. */
export const columnParsers: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === bigintOid && format !== 'binary') return parseBigint;
    if (oid === byteaOid && format !== 'binary') return parseBytea;
    return pg.types.getTypeParser(oid, format);
  },
};

function parseBigint(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new StoreError('store.corrupt', `the integer \`${text}\` in the database is out of range`);
}

/** The `hex` output format, PostgreSQL's default since 9.0. */
function parseBytea(text: string): Uint8Array {
  if (!text.startsWith('\\x'))
    throw new StoreError('store.corrupt', 'bytes are not in `hex` format: set `bytea_output` to `hex`');
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'));
}
