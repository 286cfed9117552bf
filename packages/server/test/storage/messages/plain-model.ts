import type { StoreChange, StoredState } from '@fleetward/mqtt';

/** What a store must hold, in the plainest way: one map from what a row is about to the row. */
export class PlainModel {
  readonly #rows = new Map<string, StoreChange>();
  #lastSession = 0;
  #lastMessage = 0;

  apply(changes: readonly StoreChange[]): void {
    for (const change of changes) this.#applyOne(change);
  }

  /** What another start finds, and goes on from. */
  reopen(): object {
    for (const [key, row] of this.#rows)
      if ('session' in row && !this.#rows.has(`session ${row.session}`)) this.#rows.delete(key);
    const owed = new Set([...this.#rows.values()].map((row) => (row.kind === 'delivery' ? row.message : 0)));
    for (const [key, row] of this.#rows)
      if (row.kind === 'message' && !owed.has(row.message)) this.#rows.delete(key);
    return plain([...this.#rows.values()], this.#lastSession, this.#lastMessage);
  }

  #applyOne(change: StoreChange): void {
    const key = keyOf(change);
    if (change.kind === 'session') this.#lastSession = Math.max(this.#lastSession, change.session);
    if (change.kind === 'message') this.#lastMessage = Math.max(this.#lastMessage, change.message);
    if (change.kind === 'session-gone') {
      for (const [other, row] of this.#rows)
        if ('session' in row && row.session === change.session) this.#rows.delete(other);
    } else if (change.kind === 'delivery-released') {
      const delivery = this.#rows.get(key);
      if (delivery?.kind === 'delivery') this.#rows.set(key, { ...delivery, isReleased: true });
    } else if (change.kind.endsWith('-gone')) this.#rows.delete(key);
    else this.#rows.set(key, change);
  }
}

/** A loaded state in the form that `PlainModel.reopen` answers with. */
export function plainState(state: StoredState): object {
  const rows = [
    ...state.sessions.map((row) => ({ kind: 'session', ...row }) as const),
    ...state.subscriptions.map((row) => ({ kind: 'subscription', ...row }) as const),
    ...state.messages.map((row) => ({ kind: 'message', ...row }) as const),
    ...state.deliveries.map((row) => ({ kind: 'delivery', ...row }) as const),
    ...state.inbound.map((row) => ({ kind: 'inbound', ...row }) as const),
    ...state.retained.map((row) => ({ kind: 'retained', ...row }) as const),
    ...state.wills.map((row) => ({ kind: 'will', ...row }) as const),
  ];
  return plain(rows, state.lastSession, state.lastMessage);
}

function plain(rows: readonly StoreChange[], lastSession: number, lastMessage: number): object {
  const entries = rows.map((row) => [keyOf(row), withHex(row)] as const);
  return { lastSession, lastMessage, rows: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function withHex(row: StoreChange): object {
  return 'packet' in row ? { ...row, packet: Buffer.from(row.packet).toString('hex') } : row;
}

function keyOf(change: StoreChange): string {
  const kind = change.kind.replace(/-(gone|released)$/, '');
  const { session, filter, message, seq, packetId, topic } = { ...change } as Record<string, string | number>;
  if (kind === 'delivery') return `${kind} ${session} ${seq}`;
  return [kind, ...[session, filter, message, packetId, topic].filter((part) => part !== undefined)].join(
    ' ',
  );
}
