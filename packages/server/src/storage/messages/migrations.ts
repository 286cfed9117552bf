/** In order: the first is version 1. Forward only; a released one never changes. Kept in `PRAGMA user_version`. */
export const migrations: readonly string[] = [
  `
  create table numbers (
    id integer primary key check (id = 1),
    last_session integer not null,
    last_message integer not null
  ) strict;
  insert into numbers values (1, 0, 0);

  create table sessions (
    session integer primary key,
    client_id text not null,
    owner text not null,
    principal text not null,
    epoch integer not null,
    expiry_seconds integer not null,
    disconnected_at_ms integer
  ) strict;

  create table subscriptions (
    session integer not null,
    filter text not null,
    qos integer not null,
    no_local integer not null,
    retain_as_published integer not null,
    identifier integer not null,
    primary key (session, filter)
  ) strict, without rowid;

  create table messages (
    message integer primary key,
    expires_at_ms integer not null,
    packet blob not null
  ) strict;

  create table deliveries (
    session integer not null,
    seq integer not null,
    message integer not null,
    qos integer not null,
    retain integer not null,
    is_released integer not null,
    identifiers blob,
    share_name text not null,
    primary key (session, seq)
  ) strict, without rowid;

  create table inbound (
    session integer not null,
    packet_id integer not null,
    primary key (session, packet_id)
  ) strict, without rowid;

  create table retained (
    topic text primary key,
    qos integer not null,
    expires_at_ms integer not null,
    packet blob not null
  ) strict;

  create table wills (
    session integer primary key,
    qos integer not null,
    retain integer not null,
    delay_seconds integer not null,
    packet blob not null
  ) strict;
  `,
  // Nobody pays for a retained message of before until it is replaced.
  `alter table retained add column owner text not null default '';`,
];
