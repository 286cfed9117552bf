import { DatabaseError } from 'pg';
import { StoreError } from '../../store-error.ts';

const uniqueViolation = '23505';
const foreignKeyViolation = '23503';
/** Serialization failure, deadlock, lock not available, statement or idle time-out, too many connections. */
const temporary = new Set(['40001', '40P01', '55P03', '57014', '25P03', '53300']);

/** What PostgreSQL or its driver reports, as a `StoreError`. Its `detail` names values and is left out. */
export function postgresError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (!(error instanceof DatabaseError)) return failed('store.unavailable', 'the database failed', error);
  const code = error.code ?? '';
  if (code === uniqueViolation) return failed('store.conflict', 'the record exists already', error);
  if (code === foreignKeyViolation)
    return failed(
      'store.conflict',
      'the record refers to one that does not exist, or is still referred to',
      error,
    );
  if (temporary.has(code)) return failed('store.busy', 'the database is busy', error);
  // Integrity, data and "data corrupted" classes: a value that the schema cannot hold.
  if (/^(22|23|XX001|XX002)/.test(code)) return failed('store.corrupt', 'the database is damaged', error);
  return failed('store.unavailable', 'the database failed', error);
}

function failed(code: StoreError['code'], message: string, error: unknown): StoreError {
  const reason = error instanceof Error ? error.message : String(error);
  const postgres = error instanceof DatabaseError ? error.code : undefined;
  return new StoreError(code, `${message}: ${reason}`, { details: { postgres } });
}
