import { StoreError } from '../../store-error.ts';
import { sqliteError } from '../sqlite/errors.ts';
import { FOREIGN, NEWER } from './requests.ts';

/** What went wrong with `messages.db`, and what to do. */
export function messageFileError(path: string, code: string, message: string): StoreError {
  const details = { file: path, sqlite: code };
  if (code === NEWER)
    return new StoreError('store.newer', `\`${path}\`: ${message}: run the newer Fleetward that wrote it`, {
      details,
    });
  if (code === FOREIGN)
    return new StoreError('store.corrupt', `\`${path}\` is not ours: ${message}; ${howToReplace}`, {
      details,
    });
  if (code.startsWith('SQLITE_FULL'))
    return new StoreError(
      'store.unavailable',
      `the disk of \`${path}\` is full: make room and start again; what was acknowledged is kept`,
      { details },
    );
  const cause = sqliteError(code, message);
  if (cause.code === 'store.corrupt')
    return new StoreError('store.corrupt', `\`${path}\` is damaged: ${message}; ${howToReplace}`, {
      details,
    });
  if (cause.code === 'store.busy')
    return new StoreError('store.busy', `another program has locked \`${path}\`: end it and start again`, {
      details,
    });
  const advice =
    'see that the disk works, has room and may be written to, and start again; what was acknowledged is kept';
  return new StoreError('store.unavailable', `\`${path}\`: ${message}: ${advice}`, { details });
}

const howToReplace =
  'restore it from a backup, or move it and the files `-wal` and `-shm` beside it away: then sessions, retained messages and what was queued for devices begin anew';
