import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { inFolder, type Postgres, postgresUser } from './postgres.ts';
import { requireProgram } from './programs.ts';
import { startProgram } from './run-program.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A throw-away PgBouncer before a throw-away PostgreSQL. */
export interface PgBouncer extends AsyncDisposable {
  /** That of the server, through it. */
  readonly url: string;
}

const port = 6432;
const lifeMs = 10 * 60_000;

/** Starts one that is reached over a Unix socket in a private folder; `settings` are lines of its section `[pgbouncer]`. */
export async function startPgBouncer(server: Postgres, settings: readonly string[]): Promise<PgBouncer> {
  const folder = temporaryFolder('fw-pb-'); // Short: a socket's path has at most 107 bytes.
  const user = postgresUser();
  const url = new URL(server.url);
  const sockets = folder.join('s');
  const configuration = [
    '[databases]',
    `* = host=${url.searchParams.get('host')}`,
    '[pgbouncer]',
    `unix_socket_dir = ${sockets}`,
    `listen_port = ${port}`,
    'auth_type = trust',
    `auth_file = ${folder.join('users')}`,
    ...settings,
  ];
  mkdirSync(sockets, { mode: 0o700 });
  writeFileSync(folder.join('users'), '"postgres" ""\n');
  writeFileSync(folder.join('pgbouncer.ini'), `${configuration.join('\n')}\n`);
  if (user !== undefined)
    for (const path of [folder.path, sockets, folder.join('users'), folder.join('pgbouncer.ini')])
      chownSync(path, user.uid, user.gid);
  const program = startProgram(requireProgram('pgbouncer', 'pgbouncer'), [folder.join('pgbouncer.ini')], {
    ...inFolder(folder, user),
    timeoutMs: lifeMs,
  });
  try {
    await program.waitForOutput(/process up/);
  } catch (error) {
    folder.remove();
    throw error;
  }
  url.port = String(port);
  url.searchParams.set('host', sockets);
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      await program.stop('SIGINT');
      folder.remove();
    },
  };
}
