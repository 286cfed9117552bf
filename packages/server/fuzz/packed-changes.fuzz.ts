import type { StoreChange } from '@fleetward/mqtt';
import { readChange, writeChange } from '../src/storage/messages/change-codec.ts';
import { PackedBytesError, PackedReader, PackedWriter } from '../src/storage/messages/packed-bytes.ts';

const packet = Uint8Array.from([0x30, 4, 0, 1, 0x61, 0]);

const changes: readonly StoreChange[] = [
  {
    kind: 'session',
    session: 1,
    clientId: 'device-€',
    owner: 'certificate',
    principal: 'certificate',
    epoch: 2 ** 40,
    expirySeconds: 0xffffffff,
    disconnectedAtMs: 1,
  },
  {
    kind: 'subscription',
    session: 1,
    filter: '+/#',
    qos: 2,
    noLocal: true,
    retainAsPublished: true,
    identifier: 7,
  },
  { kind: 'message', message: 9, packet, expiresAtMs: 1_790_000_000_000 },
  {
    kind: 'delivery',
    session: 1,
    seq: 3,
    message: 9,
    qos: 1,
    retain: true,
    identifiers: [1, 2],
    shareName: 'group',
    isReleased: true,
  },
  { kind: 'inbound', session: 1, packetId: 65_535 },
  { kind: 'retained', topic: 'a/b', packet, qos: 0, expiresAtMs: 0, owner: 'thing:pump' },
  { kind: 'will', session: 1, packet, qos: 1, retain: false, delaySeconds: 5 },
  { kind: 'delivery-released', session: 1, seq: 3 },
  { kind: 'delivery-gone', session: 1, seq: 3 },
  { kind: 'message-gone', message: 9 },
  { kind: 'inbound-gone', session: 1, packetId: 65_535 },
  { kind: 'retained-gone', topic: 'a/b' },
  { kind: 'subscription-gone', session: 1, filter: '+/#' },
  { kind: 'will-gone', session: 1 },
  { kind: 'session-gone', session: 1 },
];

export const seeds: readonly Uint8Array[] = [...changes.map((change) => pack([change])), pack(changes)];

/** Changes as they cross threads: refused with their own error, or read so that writing and reading them again gives the same. */
export function fuzz(input: Uint8Array): void {
  const read = readAll(input);
  if (read === undefined) return;
  const again = pack(read);
  const twice = pack(readAll(again) ?? []);
  if (!Buffer.from(again).equals(twice)) throw new Error('changes are not what was written');
}

function readAll(bytes: Uint8Array): readonly StoreChange[] | undefined {
  const reader = new PackedReader(bytes);
  const read: StoreChange[] = [];
  try {
    while (!reader.isAtEnd) read.push(readChange(reader));
    return read;
  } catch (error) {
    if (error instanceof PackedBytesError) return undefined;
    throw error;
  }
}

function pack(written: readonly StoreChange[]): Uint8Array {
  const writer = new PackedWriter();
  for (const change of written) writeChange(writer, change);
  return new Uint8Array(writer.buffer, 0, writer.length);
}
