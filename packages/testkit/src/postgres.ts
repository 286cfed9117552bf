import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { requireProgram } from './programs.ts';
import { type RunningProgram, runProgram, startProgram } from './run-program.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/** A throw-away PostgreSQL of its own, with the database `postgres`. */
export interface Postgres extends AsyncDisposable {
  /** For `pg`: over a Unix socket in a private folder, so there is no port to collide and nobody else can connect. */
  readonly url: string;
  /** The setting `storage` that takes it, though it syncs nothing. */
  readonly storage: {
    readonly kind: 'postgres';
    readonly url: string;
    readonly mayBeOff: readonly ['fsync', 'full_page_writes'];
  };
  readonly pid: number;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

const debianPackage = 'postgresql';
const lifeMs = 30 * 60_000;
/** Nothing is kept, so nothing need reach the disk; every other setting is PostgreSQL's own. */
const settings = [
  'listen_addresses=',
  'fsync=off',
  'full_page_writes=off',
  'lc_messages=C',
  'max_connections=50',
];

/** Initialises and starts a server; as root it runs as the user `postgres`, because PostgreSQL refuses root. */
export async function startPostgres(): Promise<Postgres> {
  const folder = temporaryFolder('fw-pg-'); // Short: a socket's path has at most 107 bytes.
  try {
    const user = postgresUser();
    if (user !== undefined) chownSync(folder.path, user.uid, user.gid);
    await initialise(folder, user);
    const server = launch(folder, user);
    await server.waitForOutput(/ready to accept connections/);
    return postgresOf(folder, server);
  } catch (error) {
    folder.remove();
    throw error;
  }
}

async function initialise(folder: TemporaryFolder, user: User | undefined): Promise<void> {
  const args = [
    '-D',
    folder.join('data'),
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ];
  const outcome = await runProgram(requireProgram('initdb', debianPackage), args, inFolder(folder, user));
  if (outcome.code !== 0) throw new Error(`initdb failed: ${outcome.stderr}`);
}

function launch(folder: TemporaryFolder, user: User | undefined): RunningProgram {
  const sockets = folder.join('s');
  mkdirSync(sockets, { mode: 0o700 });
  if (user !== undefined) chownSync(sockets, user.uid, user.gid);
  const args = ['-D', folder.join('data'), '-k', sockets, ...settings.flatMap((setting) => ['-c', setting])];
  return startProgram(requireProgram('postgres', debianPackage), args, {
    ...inFolder(folder, user),
    timeoutMs: lifeMs,
  });
}

function postgresOf(folder: TemporaryFolder, server: RunningProgram): Postgres {
  const stop = async (): Promise<void> => {
    await server.stop('SIGINT'); // Fast shutdown: sessions are ended, not waited for.
    folder.remove();
  };
  const url = `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(folder.join('s'))}`;
  const storage = { kind: 'postgres', url, mayBeOff: ['fsync', 'full_page_writes'] } as const;
  return { url, storage, pid: server.pid, stop, [Symbol.asyncDispose]: stop };
}

export function inFolder(folder: TemporaryFolder, user: User | undefined) {
  const environment = { PATH: process.env.PATH ?? '', LC_ALL: 'C', HOME: folder.path };
  return { folder: folder.path, environment, ...(user === undefined ? {} : { user }) };
}

/** As whom PostgreSQL's programs run where this process is root, whom they refuse. */
export function postgresUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, , uid, gid] = passwordEntry('postgres');
  if (uid === undefined || gid === undefined)
    throw new Error('root needs a user `postgres` to run PostgreSQL');
  return { uid: Number(uid), gid: Number(gid) };
}

function passwordEntry(user: string): readonly string[] {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return lines.find((line) => line.startsWith(`${user}:`))?.split(':') ?? [];
}
