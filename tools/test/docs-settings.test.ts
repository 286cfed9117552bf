import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { settingsPage, settingsPagePath } from '../docs-settings.ts';

test('the page of settings is what the schema says: run tools/docs-settings.ts when it is not', () => {
  expect(readFileSync(settingsPagePath, 'utf8')).toBe(settingsPage());
});

test('every setting on it says what it means', () => {
  const rows = settingsPage()
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
});
