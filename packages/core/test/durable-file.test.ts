import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lostByPowerCut, needs } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDurably, createFolderDurably, replaceDurably } from '../src/durable-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fleetward-durable-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('creates a private file once and never overwrites it', () => {
  const path = join(folder, 'a');
  createDurably(path, 'first');
  expect(() => createDurably(path, 'second')).toThrow('EEXIST');
  expect(readFileSync(path, 'utf8')).toBe('first');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('replaces a file whole and leaves nothing unfinished behind', () => {
  const path = join(folder, 'a');
  replaceDurably(path, 'first');
  replaceDurably(path, 'second');
  expect(readFileSync(path, 'utf8')).toBe('second');
  expect(readdirSync(folder)).toEqual(['a']);
});

test('makes private folders, also when they are there', () => {
  createFolderDurably(join(folder, 'x/y'));
  createFolderDurably(join(folder, 'x/y'));
  expect(existsSync(join(folder, 'x/y'))).toBe(true);
  expect(statSync(join(folder, 'x/y')).mode & 0o777).toBe(0o700);
});

needs('strace', 'strace').describe('after a power cut', () => {
  const source = JSON.stringify(new URL('../src/durable-file.ts', import.meta.url).href);
  const lostAfter = (body: string) =>
    lostByPowerCut(
      ['--input-type=module', '-e', `import { ${body.split('(')[0]} } from ${source}; ${body};`],
      { folder },
    );

  test('every folder that was made is there', async () => {
    expect(await lostAfter(`createFolderDurably(${JSON.stringify(join(folder, 'x/y/z'))})`)).toEqual([]);
  });

  test('a folder that a killed process made is there, with the names in it', async () => {
    mkdirSync(join(folder, 'x'));
    writeFileSync(join(folder, 'x', 'name'), '');
    expect(await lostAfter(`createFolderDurably(${JSON.stringify(join(folder, 'x'))})`)).toEqual([]);
  });

  test.each(['createDurably', 'replaceDurably'])('a file of %s is there, whole', async (write) => {
    expect(await lostAfter(`${write}(${JSON.stringify(join(folder, 'a'))}, 'content')`)).toEqual([]);
  });
});
