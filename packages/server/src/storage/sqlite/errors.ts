import { StoreError } from '../../store-error.ts';

/** SQLite's result code as a `StoreError`. Messages of constraints name columns, never values. */
export function sqliteError(code: string, message: string): StoreError {
  const details = { sqlite: code };
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY')
    return new StoreError('store.conflict', `the record exists already: ${message}`, { details });
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY')
    return new StoreError(
      'store.conflict',
      'the record refers to one that does not exist, or is still referred to',
      {
        details,
      },
    );
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return new StoreError('store.busy', `the database is locked: ${message}`, { details });
  if (/^SQLITE_(CORRUPT|NOTADB|CONSTRAINT|MISMATCH)/.test(code))
    return new StoreError('store.corrupt', `the database is damaged: ${message}`, { details });
  return new StoreError('store.unavailable', `the database failed: ${message}`, { details });
}
