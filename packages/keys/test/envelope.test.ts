import { createSecretKey, type KeyObject } from 'node:crypto';
import { seededRandom } from '@fleetward/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEnvelope } from '../src/envelope.ts';
import { deriveKeyring, type SubkeyPurpose } from '../src/subkeys.ts';

const random = seededRandom('envelope');

function masterKey(seed: number): KeyObject {
  return createSecretKey(seededRandom(seed).bytes(32));
}

function envelopeOf(seeds: readonly number[], purpose: SubkeyPurpose = 'records') {
  return createEnvelope(deriveKeyring(seeds.map(masterKey), purpose), random);
}

const envelope = envelopeOf([1]);
const secret = new TextEncoder().encode('the secret');

describe('an envelope', () => {
  test('gives back any bytes for the context they were sealed for', () => {
    const contexts = fc
      .string({ minLength: 1, maxLength: 80, unit: 'binary' })
      .filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), contexts, (plaintext, context) => {
        expect(envelope.open(envelope.seal(plaintext, context), context)).toEqual(plaintext);
      }),
    );
  });

  test('refuses a text of which any one character was changed', () => {
    const sealed = envelope.seal(secret, 'a');
    for (let at = 0; at < sealed.length; at++) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      const changed = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`;
      expect(() => envelope.open(changed, 'a'), `character ${at}`).toThrow(
        expect.objectContaining({ code: 'keys.sealed' }),
      );
    }
  });

  test('refuses any text cut short or made longer', () => {
    const sealed = envelope.seal(secret, 'a');
    for (let length = 0; length < sealed.length; length++) {
      expect(() => envelope.open(sealed.slice(0, length), 'a')).toThrow(
        expect.objectContaining({ code: 'keys.sealed' }),
      );
    }
    for (const tail of ['A', '=', '\n', ' ', 'AAAA']) {
      expect(() => envelope.open(sealed + tail, 'a')).toThrow(
        expect.objectContaining({ code: 'keys.sealed' }),
      );
    }
  });

  test('refuses a text that was sealed for another context', () => {
    const sealed = envelope.seal(secret, 'device/a/token');
    for (const context of ['device/b/token', 'device/a/token ', 'device/a/toke']) {
      expect(() => envelope.open(sealed, context)).toThrow(expect.objectContaining({ code: 'keys.sealed' }));
    }
  });

  test('refuses to seal for no context, a long one, or lone surrogates that would be one text with another', () => {
    for (const context of ['', 'x'.repeat(1100), '\ud800']) {
      expect(() => envelope.seal(secret, context)).toThrow(expect.objectContaining({ code: 'keys.sealed' }));
    }
  });

  test('refuses more than it is made for', () => {
    expect(() => envelope.seal(new Uint8Array(1024 * 1024 + 1), 'a')).toThrow(
      expect.objectContaining({ code: 'keys.too_large' }),
    );
    const most = new Uint8Array(1024 * 1024);
    expect(envelope.open(envelope.seal(most, 'a'), 'a')).toHaveLength(most.length);
  });

  test('never makes the same text twice', () => {
    const texts = Array.from({ length: 50 }, () => envelope.seal(secret, 'a'));
    expect(new Set(texts).size).toBe(50);
  });

  test('throws nothing but its own errors, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `fws1.0123456789abcdef.${text}`),
        ),
        (text) => {
          expect(() => envelope.open(text, 'a')).toThrow(
            expect.objectContaining({ code: expect.stringMatching(/^keys\.(sealed|unknown_master_key)$/) }),
          );
        },
      ),
    );
  });
});

describe('keys of different use', () => {
  test('what was sealed for records does not open with the signing key, nor the other way round', () => {
    const signing = envelopeOf([1], 'signing');
    expect(signing.masterKeyId).toBe(envelope.masterKeyId);
    expect(() => signing.open(envelope.seal(secret, 'a'), 'a')).toThrow(
      expect.objectContaining({ code: 'keys.sealed' }),
    );
    expect(() => envelope.open(signing.seal(secret, 'a'), 'a')).toThrow(
      expect.objectContaining({ code: 'keys.sealed' }),
    );
  });

  test('another master key is named in the refusal', () => {
    const other = envelopeOf([2]);
    expect(() => other.open(envelope.seal(secret, 'a'), 'a')).toThrow(
      expect.objectContaining({
        code: 'keys.unknown_master_key',
        details: { wanted: envelope.masterKeyId, loaded: [other.masterKeyId] },
      }),
    );
  });
});

describe('a rotation', () => {
  const rotating = envelopeOf([2, 1]);
  const rotated = envelopeOf([2]);

  test('opens what the previous master key sealed, and seals under the current one', () => {
    expect(rotating.open(envelope.seal(secret, 'a'), 'a')).toEqual(secret);
    expect(rotated.open(rotating.seal(secret, 'a'), 'a')).toEqual(secret);
  });

  test('rewraps what is old and leaves what is new', () => {
    const old = envelope.seal(secret, 'a');
    const renewed = rotating.rewrap(old, 'a');
    expect(rotated.open(renewed, 'a')).toEqual(secret);
    expect(rotating.rewrap(renewed, 'a')).toBe(renewed);
  });

  test('does not rewrap what does not open', () => {
    expect(() => rotating.rewrap(envelope.seal(secret, 'a'), 'b')).toThrow(
      expect.objectContaining({ code: 'keys.sealed' }),
    );
  });
});
