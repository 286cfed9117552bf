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
  const postgres = error instanceof DatabaseError ? error.code : undefined;
  const step = nextStep(error);
  const text = `${message}: ${reasonOf(error)}${step === undefined ? '' : `; ${step}`}`;
  return new StoreError(code, text, { details: { postgres } });
}

/** A name with several addresses fails once for each, and the whole says nothing. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}

const passwordless =
  'the server asks for a password and `storage.url` has none: `postgres://USER:PASSWORD@HOST/DATABASE`, out of the environment as `FLEETWARD_STORAGE__URL`';
const unanswered =
  'no connection came in `storageLimits.connectTimeoutMs`: is the host and port of `storage.url` right, and are there connections enough? The server (`max_connections`) or a pooler before it (PgBouncer: `pool_size`) has to give at least two more than `storageLimits.connectionsMax`';

/** By SQLSTATE, or the system's code of a socket. */
const nextSteps: ReadonlyMap<unknown, string> = new Map([
  [
    'ECONNREFUSED',
    'nothing listens at the host and port of `storage.url`: is PostgreSQL running there, and on that address?',
  ],
  ['ENOENT', 'the host of `storage.url` is a folder without a socket of PostgreSQL: is it running?'],
  ['ENOTFOUND', 'the host of `storage.url` has no address'],
  [
    '28P01',
    'user and password of `storage.url` are not those of the server: `ALTER ROLE … PASSWORD` sets another; in the address `@`, `/`, `:` and `%` of a password are `%40`, `%2F`, `%3A` and `%25`',
  ],
  [
    '28000',
    'the server does not let the user of `storage.url` in from here: its `pg_hba.conf` says who may come, and how',
  ],
  ['3D000', 'make the database that `storage.url` names, `CREATE DATABASE … OWNER …`, or name another'],
  ['42501', 'the user of `storage.url` has to own its database: `ALTER DATABASE … OWNER TO …`'],
  ['53300', unanswered],
]);

/** What to do about it, where the fault is known to be in the setting or the server; never a word of the address. */
function nextStep(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  // The driver has no codes for these.
  if (error.message.includes('client password must be')) return passwordless;
  if (/timeout exceeded when trying to connect|timeout expired|connection timeout/.test(error.message))
    return unanswered;
  return nextSteps.get(Reflect.get(error, 'code'));
}
