import { afterEach, describe, expect, test } from 'vitest';
import { createMemoryStore, MemoryContents } from '../src/index.ts';
import { allowAll, connected, type RawClient, type Rig, startRig, subscribePacket } from './broker-rig.ts';

let rig: Rig;
afterEach(() => rig.stop());

const topic = '$aws/x/accepted';

async function subscribed(
  clientId: string,
  filters: readonly string[],
  version: 4 | 5 = 5,
): Promise<RawClient> {
  const client = await connected(rig, version, { clientId });
  for (const filter of filters) {
    client.send(subscribePacket(filter, 1));
    expect(await client.next()).toMatchObject({ kind: 'suback' });
  }
  return client;
}

function send(clientId: string, options?: { readonly unasked: boolean }): string {
  const outcome = rig.broker.get(clientId)?.sendOwn(topic, Buffer.from('answer'), options);
  if (outcome === undefined) throw new Error('not connected');
  return outcome;
}

/** What the client has received when everything sent to it has arrived. */
async function received(client: RawClient): Promise<readonly unknown[]> {
  client.send({ kind: 'pingreq' });
  const packets: unknown[] = [];
  for (;;) {
    const packet = await client.next();
    if (packet === 'end' || packet.kind === 'pingresp') return packets;
    packets.push(packet);
  }
}

describe('a message of the platform to one client', () => {
  test('reaches that client alone, once, whoever else has the same filter', async () => {
    rig = await startRig();
    const asker = await subscribed('asker', [topic, '$aws/x/+', '$aws/#']);
    const other = await subscribed('other', [topic, '$aws/#']);
    expect(send('asker')).toBe('sent');
    expect(await received(asker)).toEqual([
      expect.objectContaining({ kind: 'publish', topic, payload: Buffer.from('answer') }),
    ]);
    expect(await received(other)).toEqual([]);
  });

  test('is nothing to a shared subscription, and needs one of its own', async () => {
    rig = await startRig();
    const asker = await subscribed('asker', [`$share/g/${topic}`, '#', '$aws/y/+']);
    expect(send('asker')).toBe('unsubscribed');
    expect(await received(asker)).toEqual([]);
  });

  test('reaches it without any subscription when it need not have asked', async () => {
    rig = await startRig();
    const asker = await connected(rig, 4, { clientId: 'asker' });
    expect(send('asker', { unasked: true })).toBe('sent');
    expect(await received(asker)).toEqual([expect.objectContaining({ kind: 'publish', topic })]);
  });

  test('is withheld from who may not receive it', async () => {
    rig = await startRig({ access: { ...allowAll, mayReceive: (name) => name !== topic } });
    const asker = await subscribed('asker', [topic], 4);
    expect(send('asker')).toBe('withheld');
    expect(send('asker', { unasked: true })).toBe('withheld');
    expect(await received(asker)).toEqual([]);
    expect(rig.broker.metrics().messagesWithheld).toBe(2);
  });

  test('is never kept, also for a client whose session is', async () => {
    const contents = new MemoryContents();
    rig = await startRig({ store: createMemoryStore(contents) });
    const asker = await connected(rig, 5, {
      clientId: 'asker',
      cleanStart: false,
      properties: { sessionExpiryInterval: 100 },
    });
    asker.send(subscribePacket(topic, 1));
    await asker.next();
    expect(send('asker')).toBe('sent');
    expect(await received(asker)).toEqual([expect.objectContaining({ kind: 'publish', qos: 0 })]);
    const connection = rig.broker.get('asker');
    expect(rig.broker.metrics()).toMatchObject({ storedSessions: 1, storedMessages: 0 });
    asker.socket.destroy();
    while (rig.broker.get('asker') !== undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(connection?.sendOwn(topic, Buffer.from('late'))).toBe('closed');
    expect(rig.broker.metrics()).toMatchObject({ storedSessions: 1, storedMessages: 0 });
  });
});
