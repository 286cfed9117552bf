import { readFileSync } from 'node:fs';
import { fromHex } from '@fleetward/core';
import { describe, expect, it } from 'vitest';
import { checkPublicKey, PkiError, parseName, parsePublicKey } from '../src/index.ts';

type Case = Readonly<Record<'name' | 'der' | 'text' | 'spki' | 'reason', string>> & {
  readonly attributes: Readonly<Record<string, readonly string[]>>;
};

const folder = new URL('../../../conformance/vectors/x509/', import.meta.url);
const cases = (file: string): readonly Case[] =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')).cases;

describe('the shared vectors', () => {
  it.each(cases('valid/names.json'))('read the name: $name', ({ der, text, attributes }) => {
    const parsed = parseName(fromHex(der));
    expect({ text: parsed.text, attributes: parsed.attributes }).toEqual({ text, attributes });
  });

  it.each(cases('invalid/names.json'))('refuse the name: $name', ({ der }) => {
    expect(() => parseName(fromHex(der))).toThrow(PkiError);
  });

  it.each(cases('valid/keys.json'))('accept the key: $name', ({ spki }) => {
    expect(checkPublicKey(parsePublicKey(fromHex(spki)))).toEqual({ kind: 'accepted' });
  });

  it.each(cases('invalid/keys.json'))('refuse the key: $name', ({ spki, reason }) => {
    const verdict = checkPublicKey(parsePublicKey(fromHex(spki)));
    expect(verdict).toEqual({ kind: 'refused', reason: expect.stringContaining(reason) });
  });
});
