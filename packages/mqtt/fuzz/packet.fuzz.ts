import { MqttError, PacketReader } from '../src/index.ts';

const packets = [
  '101100044d5154540402003c000574657374',
  '101a00044d5154540502003c0511000000780008646576696365',
  '20020000',
  '2003000000',
  '300700036120626869',
  '320900036120620001006869',
  '40020001',
  '4004000110 00',
  '62020001',
  '820800010003612f2301',
  '8209000100000361 2f2b01',
  '90030001 00',
  'a20700010003612f62',
  'c000',
  'd000',
  'e000',
  'e0028100',
  'f00218 00',
];

/** The first byte picks the protocol level; the rest is a stream of packets. */
export const seeds: readonly Uint8Array[] = packets.flatMap((text) =>
  [4, 5].map((level) => Uint8Array.from([level, ...Buffer.from(text.replaceAll(' ', ''), 'hex')])),
);

/** Returns for what the codec takes or refuses; any other throw is a finding. */
export function fuzz(input: Uint8Array): void {
  const reader = new PacketReader({ packetBytesMax: 64 * 1024, version: input[0] === 5 ? 5 : 4 });
  try {
    reader.read(input.subarray(1));
  } catch (error) {
    if (!(error instanceof MqttError)) throw error;
  }
}
