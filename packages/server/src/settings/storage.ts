import { Type } from 'typebox';
import { count, section } from './kinds.ts';

export const storage = Type.Union(
  [
    Type.Object({ kind: Type.Literal('sqlite') }, { additionalProperties: false }),
    Type.Object(
      {
        kind: Type.Literal('postgres'),
        url: Type.String({ minLength: 1 }),
        mayBeOff: Type.Optional(
          Type.Array(Type.Union([Type.Literal('fsync'), Type.Literal('full_page_writes')]), { maxItems: 2 }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    default: { kind: 'sqlite' },
    description:
      '`{kind: sqlite}` keeps the records in `folder`; `{kind: postgres, url: …}` in PostgreSQL, where `mayBeOff` names what that may not do for what is committed to outlive a power cut.',
  },
);

export const storageLimits = section(
  {
    readerThreads: count(2, 'SQLite: threads that read.', { maximum: 16 }),
    busyTimeoutMs: count(5_000, 'SQLite: how long a statement waits for a lock of another program.', {
      maximum: 60_000,
    }),
    groupTransactionsMax: count(64, 'SQLite: transactions that may share one COMMIT.', { maximum: 10_000 }),
    groupMs: count(50, 'SQLite: time after which such a group takes no further transaction.', {
      maximum: 10_000,
    }),
    connectionsMax: count(10, 'PostgreSQL: connections at once.', { maximum: 1_000 }),
    connectTimeoutMs: count(5_000, 'PostgreSQL: how long to wait for a connection.', { maximum: 60_000 }),
    statementTimeoutMs: count(5_000, 'PostgreSQL: a statement that takes longer is given up.', {
      maximum: 600_000,
    }),
    statementsPendingMax: count(10_000, 'Statements that may wait; one more is told to try again.'),
    transactionTimeoutMs: count(5_000, 'A transaction that takes longer is rolled back.', {
      maximum: 600_000,
    }),
    messagesCheckpointBytes: count(
      16_777_216,
      '`messages.db`: size of its log at which what is in it moves into the file.',
      { minimum: 65_536, maximum: 1_073_741_824 },
    ),
    transactionsPendingMax: count(1_024, 'Transactions that may wait; one more is told to try again.'),
    reportTransactionsMax: count(
      64,
      'Transactions at once that keep reports of devices, so that operators’ changes find room; never more than half of `transactionsPendingMax`.',
    ),
    reportsPendingMax: count(
      1_024,
      'Things with a report that waits for such a transaction; a report of one more is told to try again.',
    ),
  },
  'Limits of the records.',
);
