import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodePacket, type Packet } from '../src/index.ts';
import { anyPacket } from './arbitrary-packets.ts';
import { connected, connectPacket, startRig } from './broker-rig.ts';

const CONNECTIONS = 300;

test(`the broker survives ${CONNECTIONS} connections of valid, broken and out-of-order packets, and serves others`, async () => {
  const rig = await startRig();
  try {
    const version = fc.constantFrom(4, 5) as fc.Arbitrary<4 | 5>;
    const conversation = version.chain((level) =>
      fc.record({ level: fc.constant(level), packets: fc.array(anyPacket(level), { maxLength: 8 }) }),
    );
    const change = fc.tuple(fc.nat(), fc.nat(255));
    const witness = await connected(rig, 4, { clientId: 'witness' });
    await fc.assert(
      fc.asyncProperty(
        conversation,
        fc.array(change, { maxLength: 2 }),
        async ({ level, packets }, changes) => {
          const bytes = encodeAll([connectPacket(level, { clientId: 'fuzz' }), ...packets], level);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          await say(rig.port, bytes);
          witness.send({ kind: 'pingreq' });
          expect(await witness.next()).toEqual({ kind: 'pingresp' });
        },
      ),
      { numRuns: CONNECTIONS },
    );
    while (rig.broker.metrics().connections > 1) await new Promise((resolve) => setImmediate(resolve));
    // Everything a connection held is given back with it.
    expect(rig.broker.metrics()).toMatchObject({ connections: 1, subscriptions: 0 });
  } finally {
    await rig.stop();
  }
});

function encodeAll(packets: readonly Packet[], level: 4 | 5): Buffer {
  return Buffer.concat(packets.map((packet) => encodePacket(packet, level)));
}

async function say(port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  socket.resume();
  socket.end(bytes);
  await once(socket, 'close');
}
