import fc from 'fast-check';
import * as oracle from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import {
  encodePacket,
  FrameReader,
  isFailure,
  MqttError,
  type Packet,
  PacketReader,
  REASON,
} from '../src/index.ts';
import { anyPacket } from './arbitrary-packets.ts';
import { hex } from './bytes.ts';

const packetBytesMax = 256 * 1024;

function decodeAll(chunks: readonly Uint8Array[], version: 4 | 5): readonly Packet[] {
  const reader = new PacketReader({ packetBytesMax, version });
  return chunks.flatMap((chunk) => [...reader.read(chunk)]);
}

describe.each([4, 5] as const)('the codec of protocol level %i', (version) => {
  test('decodes what it encodes', () => {
    fc.assert(
      fc.property(anyPacket(version), (packet) => {
        expect(decodeAll([encodePacket(packet, version)], version)).toEqual([packet]);
      }),
      { numRuns: 600 },
    );
  });

  test('decodes a stream the same, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(anyPacket(version), { maxLength: 5 }), fc.array(fc.nat(200)), (packets, cuts) => {
        const stream = Buffer.concat(packets.map((packet) => encodePacket(packet, version)));
        expect(decodeAll(cut(stream, cuts), version)).toEqual(packets);
      }),
      { numRuns: 300 },
    );
  });

  test('is read by mqtt-packet, whose own bytes decode to the same packet', () => {
    fc.assert(
      fc.property(anyPacket(version), (packet) => {
        const [parsed, ...more] = parseWithOracle(encodePacket(packet, version), version);
        expect(more).toEqual([]);
        expect(parsed?.cmd).toBe(packet.kind);
        if (parsed === undefined) return;
        const theirs = oracle.generate(parsed, { protocolVersion: version });
        expect(decodeAll([theirs], version)).toEqual([packet]);
      }),
      { numRuns: 600 },
    );
  });

  test('refuses any bytes with an MqttError or takes them, nothing else', () => {
    fc.assert(
      fc.property(anyPacket(version), fc.array(fc.tuple(fc.nat(), fc.nat(255))), (packet, changes) => {
        const bytes = encodePacket(packet, version);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        onlyMqttErrors(() => decodeAll([bytes], version));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) =>
        onlyMqttErrors(() => decodeAll([bytes], version)),
      ),
      { numRuns: 1000 },
    );
  });
});

describe('the reader', () => {
  test('refuses a 256 MB length before it holds a byte of the packet', () => {
    const reader = new FrameReader({ packetBytesMax });
    const sink = { frame: () => true };
    expect(() => reader.read(hex('30 ff ff ff 7f'), sink)).toThrow(
      expect.objectContaining({ code: 'mqtt.packet_too_large', reasonCode: REASON.packetTooLarge }),
    );
    expect(reader.pendingBytes).toBe(0);
  });

  test('takes a packet of exactly the limit and refuses one byte more', () => {
    const packet = hex('30 05 00 01 61 78 79');
    const read = (max: number) =>
      new FrameReader({ packetBytesMax: max }).read(packet, { frame: () => true });
    expect(read(packet.length)).toBe(packet.length);
    expect(() => read(packet.length - 1)).toThrow(MqttError);
  });

  test('stops after the packet at which the sink says stop', () => {
    const two = hex('c0 00 c0 00');
    expect(new FrameReader({ packetBytesMax }).read(two, { frame: () => false })).toBe(2);
  });
});

describe('a reason code', () => {
  test('is a failure from 0x80 on', () => {
    expect([0, 1, 0x7f, 0x80, 0xff].map(isFailure)).toEqual([false, false, false, true, true]);
  });
});

function cut(stream: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const points = [0, ...cuts.filter((at) => at < stream.length).sort((a, b) => a - b), stream.length];
  return points.slice(1).map((end, index) => stream.subarray(points[index], end));
}

function parseWithOracle(bytes: Buffer, version: 4 | 5): readonly oracle.Packet[] {
  const parser = oracle.parser({ protocolVersion: version });
  const packets: oracle.Packet[] = [];
  parser.on('packet', (packet) => packets.push(packet));
  parser.on('error', (error) => {
    throw error;
  });
  parser.parse(bytes);
  return packets;
}

function onlyMqttErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof MqttError)) throw error;
  }
}
