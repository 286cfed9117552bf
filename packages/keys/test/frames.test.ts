import { randomBytes } from 'node:crypto';
import { fromHex } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeysError } from '../src/index.ts';
import { parseAnswer } from '../src/process/answers.ts';
import {
  bodyBytesMax,
  encodeFrame,
  FrameReader,
  framePieces,
  headerBytesMax,
} from '../src/process/frames.ts';
import { parseRequest, requestBody, requestHeader } from '../src/process/requests.ts';
import { keySpec } from './signing-fixture.ts';

const protocolError = expect.objectContaining({ code: 'keys.protocol' });

describe('frames', () => {
  test('come out as they went in, however the stream is cut', () => {
    const frames = fc.array(
      fc.record({ header: fc.dictionary(fc.string(), fc.integer()), body: fc.uint8Array() }),
    );
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
        fc.pre(sent.every(({ header }) => !Object.hasOwn(header, '__proto__')));
        const stream = Buffer.concat(sent.map(({ header, body }) => encodeFrame(header, body)));
        const reader = new FrameReader();
        const received = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const next = at + (cuts[turn % cuts.length] ?? 1);
          received.push(...reader.push(stream.subarray(at, next)));
          at = next;
        }
        expect(received).toEqual(sent.map(({ header, body }) => ({ header: { ...header }, body })));
      }),
    );
  });

  test('of the largest size pass, larger ones are neither sent nor awaited', () => {
    const body = randomBytes(bodyBytesMax);
    const [frame] = new FrameReader().push(encodeFrame({}, body));
    // Not copied on its way out.
    expect(framePieces({}, body)[1]).toBe(body);
    expect(body.equals(frame?.body ?? new Uint8Array())).toBe(true);
    expect(() => encodeFrame({}, new Uint8Array(bodyBytesMax + 1))).toThrow(
      expect.objectContaining({ code: 'keys.too_large' }),
    );
    for (const [header, length] of [
      [headerBytesMax + 1, 0],
      [0, bodyBytesMax + 1],
    ] as const) {
      const prefix = Buffer.alloc(8);
      prefix.writeUInt32BE(header, 0);
      prefix.writeUInt32BE(length, 4);
      expect(() => new FrameReader().push(prefix)).toThrow(protocolError);
    }
  });

  test('of any bytes end in frames, in waiting, or in our own error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          for (const frame of new FrameReader().push(bytes)) parseRequest(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(KeysError);
        }
      }),
    );
  });
});

describe('requests', () => {
  test.each([
    { kind: 'rewrap' } as const,
    { kind: 'describe', name: keySpec('a').name } as const,
    { kind: 'sign', name: keySpec('a').name, message: Uint8Array.of(1, 2) } as const,
    { kind: 'sign-all', name: keySpec('a').name, messages: [Uint8Array.of(1, 2), Uint8Array.of()] } as const,
    { kind: 'generate', spec: { ...keySpec('a', { algorithm: 'rsa-pss-sha256' }), store: 'hsm' } } as const,
    {
      kind: 'start',
      keyFolder: '/keys',
      masterKeys: [
        { kind: 'file', path: '/key' },
        { kind: 'environment', variable: 'KEY' },
        { kind: 'systemd-credential', name: 'key' },
      ],
    } as const,
  ])('of the kind $kind read back as they were written', (request) => {
    const [frame] = new FrameReader().push(
      encodeFrame(requestHeader({ id: 7, request }), requestBody(request)),
    );
    expect(frame && parseRequest(frame)).toEqual({ id: 7, request });
  });

  test.each([
    ['a length that is cut off', '000000'],
    ['a piece that is cut off', '00000002ff'],
    ['too many pieces', '00000000'.repeat(513)],
  ])('to sign many with %s are refused', (_, body) => {
    const header = { id: 1, kind: 'sign-all', name: 'a' };
    expect(() => parseRequest({ header, body: fromHex(body) })).toThrow(KeysError);
  });

  test.each([
    [{ kind: 'rewrap' }],
    [{ id: -1, kind: 'rewrap' }],
    [{ id: 1.5, kind: 'rewrap' }],
    [{ id: 1, kind: 'export' }],
    [{ id: 1, kind: 'sign', name: '../a' }],
    [{ id: 1, kind: 'generate', name: 'a', purpose: 'b', algorithm: 'toString' }],
    [{ id: 1, kind: 'start', keyFolder: '/keys', masterKeys: 'file' }],
    [{ id: 1, kind: 'start', keyFolder: '/keys', masterKeys: [{ kind: 'url' }] }],
    [[]],
    [null],
  ])('that the protocol does not know are refused: %j', (header) => {
    expect(() => parseRequest({ header, body: new Uint8Array() })).toThrow(KeysError);
  });
});

describe('answers', () => {
  test.each([
    [{ kind: 'done' }],
    [{ id: 1, kind: 'maybe' }],
    [{ id: 1, kind: 'failed', code: 'no.such_code', message: '' }],
    [{ id: 1, kind: 'failed', code: 'keys.refused' }],
  ])('that the protocol does not know are refused: %j', (header) => {
    expect(() => parseAnswer({ header, body: new Uint8Array() })).toThrow(protocolError);
  });
});
