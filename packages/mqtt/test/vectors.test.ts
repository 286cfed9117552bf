import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodePacket, MqttError, type Packet, PacketReader } from '../src/index.ts';
import { hex } from './bytes.ts';

interface Case {
  readonly name: string;
  readonly protocolLevel: 4 | 5;
  /** Hexadecimal. */
  readonly bytes: string;
}
interface ValidCase extends Case {
  /** Bytes inside are `{"hex": "…"}`. */
  readonly packet: unknown;
}
interface InvalidCase extends Case {
  readonly error: string;
  readonly reasonCode: number;
}

const root = join(import.meta.dirname, '../../../conformance/vectors/mqtt');

function load<Kind extends Case>(folder: string): readonly Kind[] {
  return readdirSync(join(root, folder)).flatMap(
    (file): readonly Kind[] => JSON.parse(readFileSync(join(root, folder, file), 'utf8')).cases,
  );
}

describe('the vectors', () => {
  test.each(load<ValidCase>('valid'))(
    'valid: $name (level $protocolLevel)',
    ({ protocolLevel, bytes, packet }) => {
      const [decoded, ...more] = read(hex(bytes), protocolLevel);
      expect(more).toEqual([]);
      expect(JSON.parse(JSON.stringify(decoded, bytesAsHex))).toEqual(packet);
      if (decoded !== undefined) expect(encodePacket(decoded, protocolLevel).toString('hex')).toBe(bytes);
    },
  );

  test.each(load<InvalidCase>('invalid'))('invalid: $name (level $protocolLevel)', (vector) => {
    const expected = { code: vector.error, reasonCode: vector.reasonCode };
    expect(errorOf(() => read(hex(vector.bytes), vector.protocolLevel))).toMatchObject(expected);
  });
});

function read(bytes: Buffer, version: 4 | 5): readonly Packet[] {
  return new PacketReader({ packetBytesMax: 4096, version }).read(bytes);
}

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    if (error instanceof MqttError) return error;
    throw error;
  }
  return undefined;
}

function bytesAsHex(_key: string, value: unknown): unknown {
  const isBuffer = typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
  return isBuffer && 'data' in value && Array.isArray(value.data)
    ? { hex: Buffer.from(value.data).toString('hex') }
    : value;
}
