import { Client, type ClientBase, type ClientConfig } from 'pg';
import { StoreError } from '../../store-error.ts';
import { postgresError } from './errors.ts';

export interface SessionLimits {
  readonly statementMs: number;
  readonly idleInTransactionMs: number;
}

const backends = new WeakMap<ClientBase, number>();

/**
 * For a new connection: gives its session our time limits, and makes each of its COMMITs wait until it is on the disk, whatever the server, the
 * database, the role, the address or a pooler say, and whatever is changed there later: a value that the session set is its own. A
 * `synchronous_commit` that waits for more, or for others too, stays. Not by parameters of the start, which poolers refuse or drop.
 */
export function sessionStarter({
  statementMs,
  idleInTransactionMs,
}: SessionLimits): (client: ClientBase) => Promise<void> {
  return async (client) => {
    const { rows } = await client.query(
      `select pg_backend_pid() as pid,
              set_config('statement_timeout', $1, false),
              set_config('idle_in_transaction_session_timeout', $2, false),
              set_config('synchronous_commit', case setting when 'off' then 'on' else setting end, false)
       from current_setting('synchronous_commit') as setting`,
      [String(statementMs), String(idleInTransactionMs)],
    );
    backends.set(client, rows[0].pid);
  };
}

/** The server's process behind a connection that was started so; what the protocol names at its start may be a pooler's invention. */
export function backendOf(client: ClientBase): number | undefined {
  return backends.get(client);
}

// Two connections in turn, and not in a turn that a pooler's own could be the same as.
const turns = [0, 1, 0, 1, 1, 0] as const;

/**
 * Throws `store.session_shared` where connections do not keep a session of the server each, as through a pooler that gives every
 * transaction to any of its sessions: what a session sets for itself would hold for others, and not for it.
 */
export async function assertOwnSessions(config: ClientConfig): Promise<void> {
  const clients = [new Client(config), new Client(config)] as const;
  const seen = { pairs: new Set<string>(), sessions: new Set<number>() };
  try {
    for (const client of clients) {
      client.on('error', () => {});
      await client.connect();
    }
    for (const at of turns) {
      const { rows } = await clients[at].query<{ pid: number }>('select pg_backend_pid() as pid');
      for (const { pid } of rows) {
        seen.pairs.add(`${at} ${pid}`);
        seen.sessions.add(pid);
      }
    }
  } catch (error) {
    throw postgresError(error);
  } finally {
    for (const client of clients) await client.end().catch(() => {});
  }
  if (seen.pairs.size !== 2 || seen.sessions.size !== 2) throw shared();
}

function shared(): StoreError {
  return new StoreError(
    'store.session_shared',
    'the connections to the database do not keep a session each, as through PgBouncer with `pool_mode = transaction`: `synchronous_commit` and time limits that the platform sets for its own would hold for others and not for it, and what is committed could be gone after a power cut. Connect to the server itself, or with `pool_mode = session` (docs/how-to/run-with-postgresql.md)',
  );
}
