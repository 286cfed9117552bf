import { isIP } from 'node:net';
import type { Clock, ThingName, Transaction, Transactor } from '@fleetward/core';
import type { DisconnectReason } from '@fleetward/mqtt';
import { type FlappingRule, FlappingWatch } from './flapping.ts';
import type { KeptPresence, PresenceState, PresenceStore, Visit } from './store.ts';

export interface PresenceOptions {
  readonly store: PresenceStore;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly thing: (name: ThingName) => { readonly createdAtMs: number } | undefined;
  /** Told of each thing that came or went what is new of it. */
  readonly changed: (name: ThingName, change: PresenceState) => void;
  readonly rule: FlappingRule;
}

interface LiveConnection {
  readonly visit: Visit;
  thingName: ThingName | undefined;
}

interface LiveThing {
  readonly sinceMs: number;
  /** The newest last. */
  readonly connections: LiveConnection[];
}

const thingsPerTransaction = 500;

/**
 * Which things have live connections, and what is known of those and of the last ones. A connect changes memory alone; `flush` writes what
 * has changed, so a crash costs what came since. Who was connected when the platform ended is not, as of the next start.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #flapping: FlappingWatch;
  readonly #connections = new Map<object, LiveConnection>();
  readonly #live = new Map<ThingName, LiveThing>();
  /** What the records do not say yet: for each thing, what has changed. */
  readonly #pending = new Map<ThingName, PresenceState>();
  #written = 0;

  private constructor(options: PresenceOptions) {
    this.#options = options;
    this.#flapping = new FlappingWatch(options.rule);
  }

  /** Tells what was known before the start. */
  static async open(options: PresenceOptions): Promise<Presence> {
    const presence = new Presence(options);
    await presence.#load();
    return presence;
  }

  get counts(): Readonly<Record<'connected' | 'flapping' | 'pending' | 'written', number>> {
    return {
      connected: this.#live.size,
      flapping: this.#flapping.count(this.#options.clock.now()),
      pending: this.#pending.size,
      written: this.#written,
    };
  }

  /** A new connection, and the thing that it speaks for, if it does for one. `visit` is read when it is written or shown. */
  came(connection: object, { visit, thingName }: LiveConnection): void {
    this.#connections.set(connection, { visit, thingName: undefined });
    this.speaksFor(connection, thingName);
  }

  /** The connection speaks for this thing from now on, or for none. */
  speaksFor(connection: object, thingName: ThingName | undefined): void {
    const live = this.#connections.get(connection);
    if (live === undefined || live.thingName === thingName) return;
    const before = live.thingName;
    live.thingName = thingName;
    // First the one that comes: a thing whose device changes its connection is never away.
    if (thingName !== undefined) this.#add(thingName, live);
    if (before !== undefined) this.#remove(before, live);
  }

  ended(connection: object, reason: DisconnectReason): void {
    const live = this.#connections.get(connection);
    this.#connections.delete(connection);
    if (live?.thingName !== undefined) this.#remove(live.thingName, live, reason);
  }

  isConnected(name: ThingName): boolean {
    return this.#live.has(name);
  }

  /** What is known of a thing; nothing of one that never had a connection. */
  async find(name: ThingName): Promise<PresenceState | undefined> {
    // What is written meanwhile may be in neither of what is read and what waits then.
    const before = this.#pending.get(name);
    const stored = this.#ofThing(await this.#options.store.find([name]));
    let known: PresenceState | undefined = stored.get(name);
    for (const change of [before, this.#pending.get(name)])
      if (change !== undefined) known = laidOver(known, change);
    return known && { ...known, visit: known.visit && shown(known.visit) };
  }

  /** Writes what has changed. */
  async flush(): Promise<void> {
    const names = [...this.#pending.keys()];
    for (let at = 0; at < names.length; at += thingsPerTransaction)
      await this.#write(names.slice(at, at + thingsPerTransaction));
    this.#flapping.forgetOld(this.#options.clock.now());
  }

  /** Forgets a thing that is being removed. */
  async forgetThing(tx: Transaction, name: ThingName): Promise<void> {
    await this.#options.store.forget(tx, name);
    tx.afterCommit(() => {
      this.#pending.delete(name);
      this.#flapping.forget(name);
    });
  }

  #add(name: ThingName, connection: LiveConnection): void {
    const nowMs = this.#options.clock.now();
    const live = this.#live.get(name);
    if (live === undefined) this.#live.set(name, { sinceMs: nowMs, connections: [connection] });
    else live.connections.push(connection);
    this.#change(name, {
      isConnected: true,
      atMs: live?.sinceMs ?? nowMs,
      visit: connection.visit,
      lastEnd: undefined,
      flappingUntilMs: this.#flapping.came(name, nowMs),
    });
  }

  #remove(name: ThingName, connection: LiveConnection, reason?: DisconnectReason): void {
    const nowMs = this.#options.clock.now();
    const { sinceMs, connections } = this.#live.get(name)!;
    connections.splice(connections.indexOf(connection), 1);
    const newest = connections.at(-1);
    if (newest === undefined) this.#live.delete(name);
    this.#change(name, {
      isConnected: newest !== undefined,
      atMs: newest === undefined ? nowMs : sinceMs,
      visit: newest?.visit,
      lastEnd: reason && { reason, atMs: nowMs },
      flappingUntilMs: undefined,
    });
  }

  #change(name: ThingName, change: PresenceState): void {
    this.#pending.set(name, laidOver(this.#pending.get(name), change));
    this.#options.changed(name, change);
  }

  async #write(names: readonly ThingName[]): Promise<void> {
    const { store, transactor, thing } = this.#options;
    const taken = new Map(
      names.flatMap((name) => {
        const change = this.#pending.get(name);
        return change === undefined ? [] : [[name, change] as const];
      }),
    );
    await transactor.transact(async (tx) => {
      const stored = this.#ofThing(await store.find([...taken.keys()], tx));
      const known = [...taken].filter(([name]) => thing(name) !== undefined);
      await store.save(
        tx,
        known.map(([thingName, change]) => written(thingName, laidOver(stored.get(thingName), change))),
      );
    });
    this.#written += taken.size;
    // What has changed meanwhile waits for the next time.
    for (const [name, change] of taken) if (this.#pending.get(name) === change) this.#pending.delete(name);
  }

  /** By name, without what was kept of another thing that had the name before. */
  #ofThing(kept: readonly KeptPresence[]): ReadonlyMap<ThingName, KeptPresence> {
    const { thing } = this.#options;
    return new Map(
      kept
        .filter(({ thingName, atMs }) => atMs >= (thing(thingName)?.createdAtMs ?? Number.POSITIVE_INFINITY))
        .map((one) => [one.thingName, one]),
    );
  }

  async #load(): Promise<void> {
    const { store, changed } = this.#options;
    for (let after: ThingName | undefined; ; ) {
      const page = await store.page({ limit: 1_000, ...(after === undefined ? {} : { after }) });
      const ended = await this.#endAll(page.filter(({ isConnected }) => isConnected));
      const away = page.filter(({ isConnected }) => !isConnected);
      for (const [name, kept] of this.#ofThing([...away, ...ended])) changed(name, kept);
      after = page.at(-1)?.thingName;
      if (after === undefined) return;
    }
  }

  /** The platform ended without seeing these go: when is not known, but that they are away. */
  async #endAll(connected: readonly KeptPresence[]): Promise<readonly KeptPresence[]> {
    if (connected.length === 0) return [];
    const { store, transactor, clock } = this.#options;
    const atMs = clock.now();
    const lastEnd = { reason: 'SERVER_ERROR', atMs } as const;
    const ended = connected.map((one) => ({ ...one, isConnected: false, atMs, lastEnd }));
    await transactor.transact((tx) => store.save(tx, ended));
    return ended;
  }
}

/** What a change does not say stays as it was. */
function laidOver(before: PresenceState | undefined, change: PresenceState): PresenceState {
  return {
    isConnected: change.isConnected,
    atMs: change.atMs,
    visit: change.visit ?? before?.visit,
    lastEnd: change.lastEnd ?? before?.lastEnd,
    flappingUntilMs: change.flappingUntilMs ?? before?.flappingUntilMs,
  };
}

function written(thingName: ThingName, state: PresenceState): KeptPresence {
  return { ...state, thingName, visit: state.visit && shown(state.visit) };
}

/** Without an address that is none. */
function shown({ clientId, sessionIdentifier, remoteAddress = '', tlsVersion, cipher }: Visit): Visit {
  const visit = { clientId, sessionIdentifier, tlsVersion, cipher };
  return isIP(remoteAddress) === 0 ? visit : { ...visit, remoteAddress };
}
