import type { StoreChange } from '@fleetward/mqtt';
import type { Database, Statement } from 'better-sqlite3';
import { BulkInsert } from './bulk-insert.ts';
import { packIdentifiers } from './change-codec.ts';

/** Writes batches of changes, each in one transaction. */
export class ChangeApplier {
  readonly #database: Database;
  readonly #messages: BulkInsert;
  readonly #deliveries: BulkInsert;
  /** QoS 1 and nothing else to say, as most are. */
  readonly #plainDeliveries: BulkInsert;
  readonly #run: ReturnType<typeof prepareStatements>;
  #messageCount: number;

  constructor(database: Database) {
    this.#database = database;
    this.#messages = new BulkInsert(database, {
      table: 'messages',
      columns: ['message', 'expires_at_ms', 'packet'],
    });
    this.#deliveries = new BulkInsert(database, {
      table: 'deliveries',
      columns: ['session', 'seq', 'message', 'qos', 'retain', 'is_released', 'identifiers', 'share_name'],
    });
    this.#plainDeliveries = new BulkInsert(database, {
      table: 'deliveries',
      columns: ['session', 'seq', 'message'],
      constants: { qos: '1', retain: '0', is_released: '0', identifiers: 'null', share_name: "''" },
    });
    this.#run = prepareStatements(database);
    this.#messageCount = Number(database.prepare('select count(*) from messages').pluck().get());
  }

  get messageCount(): number {
    return this.#messageCount;
  }

  /** Durable when it returns; after a throw of `commit` itself its fate is unknown. */
  apply(changes: readonly StoreChange[]): void {
    const countBefore = this.#messageCount;
    try {
      this.#run.begin.run();
      this.#insertNew(changes);
      for (const change of changes) this.#applyOne(change);
      this.#run.commit.run();
    } catch (error) {
      this.#messageCount = countBefore;
      this.#messages.clear();
      this.#deliveries.clear();
      this.#plainDeliveries.clear();
      if (this.#database.inTransaction) this.#run.rollback.run();
      throw error;
    }
  }

  // Numbers of messages and deliveries are given once, so what is new goes first, many rows a statement: whatever else a batch
  // does to it comes after it.
  #insertNew(changes: readonly StoreChange[]): void {
    let [lastSession, lastMessage] = [0, 0];
    for (const change of changes) {
      if (change.kind === 'delivery') this.#insertDelivery(change);
      else if (change.kind === 'message') {
        this.#messages.add(change.message, change.expiresAtMs, change.packet);
        this.#messageCount++;
        lastMessage = Math.max(lastMessage, change.message);
      } else if (change.kind === 'session') lastSession = Math.max(lastSession, change.session);
    }
    this.#messages.finish();
    this.#deliveries.finish();
    this.#plainDeliveries.finish();
    if (lastSession + lastMessage > 0) this.#run.raiseNumbers.run(lastSession, lastMessage);
  }

  #insertDelivery(delivery: Extract<StoreChange, { readonly kind: 'delivery' }>): void {
    const { session, seq, message, qos, retain, isReleased, identifiers, shareName } = delivery;
    if (qos === 1 && !retain && !isReleased && identifiers.length === 0 && shareName === '') {
      this.#plainDeliveries.add(session, seq, message);
      return;
    }
    const packed = identifiers.length === 0 ? null : packIdentifiers(identifiers);
    const flags = [Number(retain), Number(isReleased)];
    this.#deliveries.add(session, seq, message, qos, ...flags, packed, shareName);
  }

  #applyOne(change: StoreChange): void {
    const run = this.#run;
    switch (change.kind) {
      case 'message':
      case 'delivery':
        return;
      case 'delivery-gone':
        run.deliveryGone.run(change.session, change.seq);
        return;
      case 'message-gone':
        this.#messageCount -= run.messageGone.run(change.message).changes;
        return;
      case 'delivery-released':
        run.deliveryReleased.run(change.session, change.seq);
        return;
      case 'inbound':
        run.inbound.run(change.session, change.packetId);
        return;
      case 'inbound-gone':
        run.inboundGone.run(change.session, change.packetId);
        return;
      case 'session': {
        const { session, clientId, owner, principal, epoch, expirySeconds, disconnectedAtMs = null } = change;
        run.session.run(session, clientId, owner, principal, epoch, expirySeconds, disconnectedAtMs);
        return;
      }
      case 'session-gone':
        for (const statement of run.sessionGone) statement.run(change.session);
        return;
      case 'subscription': {
        const { session, filter, qos, noLocal, retainAsPublished, identifier } = change;
        run.subscription.run(session, filter, qos, Number(noLocal), Number(retainAsPublished), identifier);
        return;
      }
      case 'subscription-gone':
        run.subscriptionGone.run(change.session, change.filter);
        return;
      case 'retained':
        run.retained.run(change.topic, change.qos, change.expiresAtMs, change.owner, change.packet);
        return;
      case 'retained-gone':
        run.retainedGone.run(change.topic);
        return;
      case 'will':
        run.will.run(change.session, change.qos, Number(change.retain), change.delaySeconds, change.packet);
        return;
      case 'will-gone':
        run.willGone.run(change.session);
        return;
    }
  }
}

function prepareStatements(database: Database) {
  const prepare = (sql: string): Statement<unknown[]> => database.prepare<unknown[]>(sql);
  const ofSession = ['subscriptions', 'deliveries', 'inbound', 'wills', 'sessions'];
  return {
    begin: prepare('begin immediate'),
    commit: prepare('commit'),
    rollback: prepare('rollback'),
    raiseNumbers: prepare(
      'update numbers set last_session = max(last_session, ?), last_message = max(last_message, ?)',
    ),
    session: prepare(
      `insert or replace into sessions (session, client_id, owner, principal, epoch, expiry_seconds, disconnected_at_ms)
       values (?, ?, ?, ?, ?, ?, ?)`,
    ),
    sessionGone: ofSession.map((table) => prepare(`delete from ${table} where session = ?`)),
    subscription: prepare(
      `insert or replace into subscriptions (session, filter, qos, no_local, retain_as_published, identifier)
       values (?, ?, ?, ?, ?, ?)`,
    ),
    subscriptionGone: prepare('delete from subscriptions where session = ? and filter = ?'),
    messageGone: prepare('delete from messages where message = ?'),
    deliveryReleased: prepare('update deliveries set is_released = 1 where session = ? and seq = ?'),
    deliveryGone: prepare('delete from deliveries where session = ? and seq = ?'),
    inbound: prepare('insert or ignore into inbound (session, packet_id) values (?, ?)'),
    inboundGone: prepare('delete from inbound where session = ? and packet_id = ?'),
    retained: prepare(
      'insert or replace into retained (topic, qos, expires_at_ms, owner, packet) values (?, ?, ?, ?, ?)',
    ),
    retainedGone: prepare('delete from retained where topic = ?'),
    will: prepare(
      'insert or replace into wills (session, qos, retain, delay_seconds, packet) values (?, ?, ?, ?, ?)',
    ),
    willGone: prepare('delete from wills where session = ?'),
  };
}
