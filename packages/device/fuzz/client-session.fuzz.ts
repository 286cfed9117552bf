import { MqttError, NO_PROPERTIES, PacketReader } from '@fleetward/mqtt/codec';
import { ClientSession } from '../src/mqtt/client-session.ts';

/** PUBACK 1, PUBLISH with QoS 1, SUBACK, PINGRESP, PUBACK with a reason. */
export const seeds = [
  Buffer.from('40020001', 'hex'),
  Buffer.from('32080001740007006869', 'hex'),
  Buffer.from('9004000100010000', 'hex'),
  Buffer.from('d000', 'hex'),
  Buffer.from('4003000187', 'hex'),
];

/** Whatever a server sends after CONNACK: the session takes it or throws `MqttError`, and sends no more at once than it may. */
export async function fuzz(bytes: Uint8Array): Promise<void> {
  let sent = 0;
  const session = new ClientSession({
    waitingMax: 10,
    receiveMax: 8,
    deliver: () => undefined,
    dropped: () => undefined,
  });
  const settled = Promise.allSettled(
    ['a', 'b', 'c'].map((topic) =>
      session.publish({ topic, payload: bytes, qos: 1, retain: false, properties: NO_PROPERTIES }),
    ),
  );
  const properties = { receiveMaximum: 2 };
  const connack = { kind: 'connack', sessionPresent: false, reasonCode: 0, properties } as const;
  session.opened({ connack, send: () => ++sent > 0 });
  if (sent !== 2) throw new Error(`${sent} messages were sent at once; the server takes 2`);
  try {
    const reader = new PacketReader({ packetBytesMax: 1_024, version: 5 });
    for (const packet of reader.read(bytes)) session.receive(packet);
  } catch (error) {
    if (!(error instanceof MqttError)) throw error;
  }
  session.abandon(new Error('over'));
  await settled;
}
