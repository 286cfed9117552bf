import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LINT_RULES, type LintId, lintPolicy, parsePolicy } from '../src/index.ts';
import { loadVectors } from './vectors.ts';

interface LintVector {
  readonly id: LintId;
  readonly severity: string;
  readonly found: readonly { readonly document: unknown; readonly at: readonly string[] }[];
  readonly silent: readonly { readonly document: unknown }[];
}

const BINDING = { region: 'us-east-1', accountId: '123456789012' };
const LINT_IDS = Object.keys(LINT_RULES);
const vectors = loadVectors<LintVector>('lint');

function findings(document: unknown, id: string) {
  const parsed = parsePolicy(typeof document === 'string' ? document : JSON.stringify(document), BINDING);
  return lintPolicy(parsed.document).filter((finding) => finding.id === id);
}

describe('every lint rule', () => {
  it('has vectors, and there are no others', () => {
    expect(vectors.map(([file]) => file).sort()).toEqual([...LINT_IDS].sort());
    expect(vectors.map(([, { id }]) => id).sort()).toEqual([...LINT_IDS].sort());
  });

  it.each(vectors)('%s finds what it is for, with a reason and a fix, and nothing else', (_, vector) => {
    expect(vector.found.length).toBeGreaterThan(0);
    expect(vector.silent.length).toBeGreaterThan(0);
    for (const { document, at } of vector.found) {
      const found = findings(document, vector.id);
      expect(found.map(({ path }) => path)).toEqual(at);
      for (const { severity, message, fix } of found) {
        expect(severity).toBe(vector.severity);
        expect(message).not.toBe('');
        expect(fix).not.toBe('');
      }
    }
    for (const { document } of vector.silent) expect(findings(document, vector.id)).toEqual([]);
  });
});

describe('the reference of the lint', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/policy-lint.md'), 'utf8');
  const sections = page.split(/^## /m).slice(1);

  it.each(LINT_IDS)('explains `%s` with an example that it finds', (id) => {
    const section = sections.find((text) => text.startsWith(`\`${id}\``));
    const example = /^```json\n(.*?)^```$/ms.exec(section ?? '')?.[1];
    expect(example).toBeDefined();
    expect(findings(example, id).length).toBeGreaterThan(0);
    const severity = vectors.find(([file]) => file === id)?.[1].severity;
    expect(section).toContain(`**${severity}**`);
  });
});
