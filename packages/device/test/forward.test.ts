import { temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConnectOptions, connectDevice } from '../src/sdk/connect-device.ts';
import { type Forwarding, forwardTelemetry } from '../src/telemetry/forward.ts';
import { TelemetryQueue } from '../src/telemetry/queue.ts';
import { deviceOf, ScriptedBroker } from './scripted-broker.ts';
import { random, TestAuthority } from './test-authority.ts';

describe('telemetry from the queue', () => {
  const folder = temporaryFolder();
  let authority: TestAuthority;
  let identity: Awaited<ReturnType<typeof deviceOf>>;
  let broker: ScriptedBroker;
  let arrived: string[];

  beforeAll(async () => {
    authority = await TestAuthority.create();
    identity = await deviceOf(authority, 'lamp-1');
  });
  afterAll(() => folder.remove());
  beforeEach(async () => {
    arrived = [];
    broker = await ScriptedBroker.start(authority);
    answerWith(() => 0);
  });

  /** Keeps what arrives and answers with a reason, or not at all. */
  function answerWith(reasonOf: (payload: string) => number | undefined): void {
    broker.script = (packet, _, socket) => {
      if (packet.cmd !== 'publish') return;
      const payload = String(packet.payload);
      arrived.push(payload);
      const reasonCode = reasonOf(payload);
      if (reasonCode !== undefined)
        broker.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode }, socket);
    };
  }

  function start(
    queue: TelemetryQueue,
    options: Parameters<typeof forwardTelemetry>[2] = {},
    more: Partial<ConnectOptions> = {},
  ) {
    const device = connectDevice({ url: broker.url, identity, random, reconnectMaxMs: 20, ...more });
    const forwarding: Forwarding = forwardTelemetry(queue, device, options);
    const end = async (drainMs = 5_000) => {
      await forwarding.close({ drainMs });
      await device.close({ drainMs: 0 });
      await queue.close();
      await broker[Symbol.asyncDispose]();
    };
    return { device, forwarding, end };
  }

  const drained = (queue: TelemetryQueue) => expect.poll(() => queue.counts.messages).toBe(0);

  test('goes out in its order, once, what was kept before there was a connection first', async () => {
    const queue = new TelemetryQueue({ folder: folder.join('order') });
    const numbers = Array.from({ length: 100 }, (_, at) => String(at));
    await Promise.all(numbers.slice(0, 50).map((number) => queue.enqueue('t', number)));
    const { forwarding, end } = start(queue);
    await Promise.all(numbers.slice(50).map((number) => queue.enqueue('t', number)));
    await drained(queue);
    expect(arrived).toEqual(numbers);
    expect(forwarding.counts).toEqual({ sent: 100, refused: 0 });
    await end();
  });

  test('loses nothing when connections break, and nothing is left over', async () => {
    const queue = new TelemetryQueue({ folder: folder.join('breaks') });
    let count = 0;
    const { end } = start(queue);
    answerWith(() => (++count % 40 === 0 ? void broker.sockets.at(-1)?.destroy() : 0));
    const numbers = Array.from({ length: 150 }, (_, at) => String(at));
    await Promise.all(numbers.map((number) => queue.enqueue('t', number)));
    await drained(queue);
    expect([...new Set(arrived)].sort()).toEqual([...numbers].sort());
    expect(broker.sockets.length).toBeGreaterThan(2);
    await end();
  });

  test('is sent again over a new connection where the platform answers and acknowledges nothing', async () => {
    const queue = new TelemetryQueue({ folder: folder.join('unacknowledged') });
    broker.connack = { sessionPresent: true };
    broker.script = (packet, connection, socket) => {
      if (packet.cmd === 'pingreq') broker.send({ cmd: 'pingresp' }, socket);
      if (packet.cmd === 'publish' && connection > 0)
        broker.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 }, socket);
    };
    const losses: unknown[] = [];
    const { end } = start(
      queue,
      { inFlightMax: 4 },
      {
        acknowledgeTimeoutMs: 100,
        onEvent: (event) => void (event.kind === 'disconnected' && losses.push(event.loss.kind)),
      },
    );
    await Promise.all(Array.from({ length: 10 }, (_, at) => queue.enqueue('t', String(at))));
    await drained(queue);
    expect(losses[0]).toBe('unacknowledged');
    const sent = broker.of('publish').map(({ connection, packet }) => {
      if (packet.cmd !== 'publish') throw new TypeError('a publish packet');
      return [connection, String(packet.payload), packet.dup, packet.messageId] as const;
    });
    expect(sent.filter(([connection]) => connection === 0)).toEqual(
      ['0', '1', '2', '3'].map((payload, at) => [0, payload, false, at + 1]),
    );
    expect(sent.filter(([, , isRepeat]) => isRepeat).slice(0, 4)).toEqual(
      ['0', '1', '2', '3'].map((payload, at) => [1, payload, true, at + 1]),
    );
    await end();
  });

  test('goes on after a restart with what was not acknowledged', async () => {
    const path = folder.join('restart');
    const queue = new TelemetryQueue({ folder: path });
    answerWith((payload) => (payload === 'b' ? undefined : 0));
    const first = start(queue);
    for (const payload of ['a', 'b', 'c']) await queue.enqueue('t', payload);
    await expect.poll(() => queue.counts.messages).toBe(1);
    await first.end(0);
    arrived = [];
    broker = await ScriptedBroker.start(authority);
    answerWith(() => 0);
    const again = new TelemetryQueue({ folder: path });
    const second = start(again);
    await drained(again);
    expect(arrived).toEqual(['b']);
    await second.end();
  });

  test('is tried again where the platform is short of something, and lets go of what it will never take', async () => {
    const queue = new TelemetryQueue({ folder: folder.join('refused') });
    const refused: string[] = [];
    let isFull = true;
    answerWith((payload) => {
      if (payload === 'forbidden') return 0x87;
      return isFull ? 0x97 : 0;
    });
    const { forwarding, end } = start(queue, {
      retryMs: 10,
      onRefused: ({ payload }, error) => void refused.push(`${payload} ${error.details.reasonCode}`),
    });
    await queue.enqueue('t', 'forbidden');
    await queue.enqueue('t', 'later');
    await expect.poll(() => arrived.filter((payload) => payload === 'later').length).toBeGreaterThan(1);
    isFull = false;
    await drained(queue);
    expect(refused).toEqual(['forbidden 135']);
    expect(forwarding.counts).toEqual({ sent: 1, refused: 1 });
    await end();
  });
});
