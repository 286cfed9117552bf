import type { MessageStore, StoreChange, StoredState } from '@fleetward/mqtt';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PlainModel, plainState } from './plain-model.ts';
import { randomBatches } from './random-batches.ts';

/** A place for sessions and messages; another store behind the port joins the suite with one of these. */
export interface Backend {
  open(): Promise<MessageStore>;
  remove(): Promise<void>;
}

const session = {
  kind: 'session',
  session: 1,
  clientId: 'c',
  owner: 'o',
  principal: 'p',
  epoch: 7,
  expirySeconds: 60,
  disconnectedAtMs: undefined,
} satisfies StoreChange;
const message = {
  kind: 'message',
  message: 1,
  packet: Buffer.from('m1'),
  expiresAtMs: 0,
} satisfies StoreChange;
const delivery = {
  kind: 'delivery',
  session: 1,
  seq: 1,
  message: 1,
  qos: 2,
  retain: true,
  identifiers: [5, 268_435_455],
  shareName: '',
  isReleased: false,
} satisfies StoreChange;
const will = {
  kind: 'will',
  session: 1,
  packet: Buffer.from('w'),
  qos: 1,
  retain: true,
  delaySeconds: 5,
} satisfies StoreChange;

/** What every store of sessions and messages promises. */
export function describeMessageStore(makeBackend: () => Promise<Backend>): void {
  let backend: Backend;
  beforeEach(async () => {
    backend = await makeBackend();
  });
  afterEach(() => backend.remove());

  async function inRun<Result>(
    work: (store: MessageStore, state: StoredState) => Promise<Result>,
  ): Promise<Result> {
    const store = await backend.open();
    try {
      return await work(store, await store.load());
    } finally {
      await store.close();
    }
  }
  const load = () => inRun(async (_store, state) => state);
  const commit = (...batches: readonly (readonly StoreChange[])[]) =>
    inRun(async (store) => {
      for (const batch of batches) await store.commit(batch);
    });

  test('a new store holds nothing', async () => {
    expect(await load()).toEqual({
      ...{
        sessions: [],
        subscriptions: [],
        messages: [],
        deliveries: [],
        inbound: [],
        retained: [],
        wills: [],
      },
      ...{ lastSession: 0, lastMessage: 0 },
    });
  });

  test('the next run finds every kind of row as it was committed', async () => {
    const subscription = {
      session: 1,
      filter: '#',
      qos: 2,
      noLocal: true,
      retainAsPublished: false,
      identifier: 9,
    } as const;
    const retained = {
      topic: 't',
      packet: Buffer.from('r'),
      qos: 1,
      expiresAtMs: 1_790_000_000_000,
      owner: 'thing:pump',
    } as const;
    const rows = [
      session,
      { kind: 'subscription', ...subscription },
      message,
      delivery,
      { kind: 'inbound', session: 1, packetId: 65_535 },
      { kind: 'retained', ...retained },
      will,
    ] as const;
    const model = new PlainModel();
    model.apply(rows);
    await commit(rows);
    expect(plainState(await load())).toEqual(model.reopen());
  });

  test('a session takes its subscriptions, deliveries, identifiers and will with it', async () => {
    await commit(
      [session, { ...session, session: 2 }, message, delivery, will],
      [{ kind: 'inbound', session: 1, packetId: 3 }],
      [{ kind: 'session-gone', session: 1 }],
    );
    const state = await load();
    expect(state).toMatchObject({ deliveries: [], inbound: [], wills: [], messages: [] });
    expect(state.sessions.map((row) => row.session)).toEqual([2]);
  });

  test('numbers that are gone are never given again', async () => {
    const gone = [
      { kind: 'delivery-gone', session: 1, seq: 1 },
      { kind: 'message-gone', message: 1 },
      { kind: 'session-gone', session: 1 },
    ] as const;
    await commit([session, message, delivery], gone);
    expect(await load()).toMatchObject({ lastSession: 1, lastMessage: 1, sessions: [], messages: [] });
  });

  test('a message that nobody is owed does not come back', async () => {
    await commit([session, message, delivery, { ...message, message: 2 }]);
    expect((await load()).messages.map((row) => row.message)).toEqual([1]);
  });

  test('a delivery that was made and ended in one batch leaves nothing', async () => {
    const ended = [
      { kind: 'delivery-released', session: 1, seq: 1 },
      { kind: 'delivery-gone', session: 1, seq: 1 },
      { kind: 'message-gone', message: 1 },
    ] as const;
    await commit([session, message, delivery, ...ended]);
    expect(await load()).toMatchObject({ messages: [], deliveries: [], lastMessage: 1 });
  });

  test('a batch with a number that was given before is refused whole', async () => {
    const twice = inRun(async (store) => {
      await store.commit([session, message, delivery]);
      await store.commit([{ ...message, message: 2 }, delivery, { kind: 'retained-gone', topic: 't' }]);
    });
    await expect(twice).rejects.toThrow();
    expect(await load()).toMatchObject({ lastMessage: 1, deliveries: [{ seq: 1 }] });
  });

  test('deliveries come back in order, each message once', async () => {
    const sessions = [3, 1, 2].map((number) => ({ ...session, session: number }));
    const seqs = [2, 1, 300, 70].flatMap((seq) =>
      sessions.map((owner) => ({ ...delivery, session: owner.session, seq })),
    );
    await commit([...sessions, message, ...seqs]);
    const state = await load();
    expect(state.messages).toHaveLength(1);
    expect(state.deliveries.map((row) => [row.session, row.seq])).toEqual(
      [1, 2, 3].flatMap((owner) => [1, 2, 70, 300].map((seq) => [owner, seq])),
    );
  });

  test('batches of any size come back whole, whatever is said of a delivery beside its message', async () => {
    const plain = { ...delivery, qos: 1, retain: false, identifiers: [] } as const;
    const others = [
      { qos: 2 },
      { retain: true },
      { isReleased: true },
      { identifiers: [7] },
      { shareName: 'g' },
    ] as const;
    let seq = 0;
    const next = (): StoreChange => {
      seq++;
      return { ...plain, ...(seq % 3 === 0 ? others[seq % others.length] : {}), seq };
    };
    const batches = Array.from({ length: 70 }, (_, size) => Array.from({ length: size }, next));
    await commit([session, message], ...batches);
    const { deliveries } = await load();
    expect(deliveries.map((row) => ({ kind: 'delivery', ...row }))).toEqual(batches.flat());
  });

  test('more than fits a page comes back whole', async () => {
    const packet = Buffer.alloc(3 * 1024 * 1024, 7);
    await commit([session, { ...message, packet }, delivery]);
    expect((await load()).messages[0]?.packet).toEqual(packet);
  });

  test('nothing is committed after close', async () => {
    const store = await backend.open();
    await store.load();
    await store.close();
    await expect(store.commit([session])).rejects.toThrow();
  });

  test('the next run finds what any sequence of batches left', { timeout: 120_000 }, async () => {
    const runs = fc.array(fc.nat({ max: 25 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.integer(), runs, async (seed, batchesOfRuns) => {
        await backend.remove();
        backend = await makeBackend();
        const batches = randomBatches(seed);
        const model = new PlainModel();
        for (const count of batchesOfRuns)
          await inRun(async (store, state) => {
            expect(plainState(state)).toEqual(model.reopen());
            for (const batch of batches.take(count)) {
              await store.commit(batch);
              model.apply(batch);
            }
          });
        expect(plainState(await load())).toEqual(model.reopen());
      }),
      { numRuns: 12 },
    );
  });
}
