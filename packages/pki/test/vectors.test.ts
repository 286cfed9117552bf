import { readFileSync } from 'node:fs';
import { fromHex } from '@fleetward/core';
import { describe, expect, it } from 'vitest';
import {
  checkPublicKey,
  PkiError,
  parseCertificate,
  parseName,
  parsePublicKey,
  validatePath,
} from '../src/index.ts';

type Case = Readonly<Record<'name' | 'der' | 'text' | 'spki' | 'reason', string>> & {
  readonly attributes: Readonly<Record<string, readonly string[]>>;
};

const folder = new URL('../../../conformance/vectors/x509/', import.meta.url);
const cases = (file: string): readonly Case[] =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')).cases;

interface PathCase extends Readonly<Record<'name' | 'code' | 'leaf', string>> {
  readonly untrusted: readonly string[];
  readonly roots: readonly string[];
  readonly atMs: number;
}

function paths(kind: 'valid' | 'invalid'): readonly PathCase[] {
  return ['paths.json', 'ml-dsa-paths.json'].flatMap((name) => {
    const file = JSON.parse(readFileSync(new URL(`${kind}/${name}`, folder), 'utf8'));
    return file.cases.map((path: PathCase) => ({ ...path, atMs: file.atMs }));
  });
}

function outcomeOf({ leaf, untrusted, roots, atMs }: Omit<PathCase, 'code'>): string {
  const read = (hex: string) => parseCertificate(fromHex(hex));
  try {
    const chains = { leaf: read(leaf), untrusted: untrusted.map(read), roots: roots.map(read) };
    const outcome = validatePath({ ...chains, atMs, purpose: 'clientAuth' });
    return outcome.kind === 'refused' ? outcome.code : outcome.kind;
  } catch (error) {
    if (error instanceof PkiError) return 'malformed';
    throw error;
  }
}

describe('the shared vectors', () => {
  it.each(cases('valid/names.json'))('read the name: $name', ({ der, text, attributes }) => {
    const parsed = parseName(fromHex(der));
    expect({ text: parsed.text, attributes: parsed.attributes }).toEqual({ text, attributes });
  });

  it.each(cases('invalid/names.json'))('refuse the name: $name', ({ der }) => {
    expect(() => parseName(fromHex(der))).toThrow(PkiError);
  });

  it.each(paths('valid'))('accept the path: $name', (path) => {
    expect(outcomeOf(path)).toBe('accepted');
  });

  it.each(paths('invalid'))('refuse the path: $name', ({ code, ...path }) => {
    expect(outcomeOf(path)).toBe(code);
  });

  it.each([...cases('valid/keys.json'), ...cases('valid/ml-dsa-keys.json')])(
    'accept the key: $name',
    ({ spki }) => {
      expect(checkPublicKey(parsePublicKey(fromHex(spki)))).toEqual({ kind: 'accepted' });
    },
  );

  const badKeys = [...cases('invalid/keys.json'), ...cases('invalid/ml-dsa-keys.json')];

  it.each(badKeys)('refuse the key: $name', ({ spki, reason }) => {
    const check = () => checkPublicKey(parsePublicKey(fromHex(spki)));
    if (reason === 'malformed') expect(check).toThrow(PkiError);
    else expect(check()).toEqual({ kind: 'refused', reason: expect.stringContaining(reason) });
  });
});
