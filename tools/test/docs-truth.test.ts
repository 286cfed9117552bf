import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { denialCauses } from '@fleetward/protocol';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const documents = globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md'], { cwd: root });

describe('the documents', () => {
  test('link to files that exist', () => {
    const links = documents.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((match) => ({
        file,
        to: match[1]!,
      })),
    );
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter(({ file, to }) => !existsSync(join(root, dirname(file), to)))).toEqual([]);
  });

  test('explain every cause of a denial', () => {
    const page = read('docs/how-to/read-a-denial.md');
    expect(denialCauses.filter((cause) => !page.includes(`\`${cause}\``))).toEqual([]);
  });

  test('explain every reason for which an enrolment is refused', () => {
    const reasons = unionIn('packages/server/src/enrollment/refusal.ts', 'RefusalReason');
    expect(reasons.length).toBeGreaterThan(10);
    const page = read('docs/how-to/read-a-denial.md');
    expect(reasons.filter((reason) => !page.includes(`\`${reason}\``))).toEqual([]);
  });

  test('list every error code of the HTTP API with its status, and no other', () => {
    const source = read('packages/server/src/http/status.ts');
    const codes = [...source.matchAll(/^ {2}'([a-z_.]+)': (\d{3}),$/gm)].map(
      ([, code, status]) => `${code} ${status}`,
    );
    const page = read('docs/reference/error-codes.md');
    const listed = [...page.matchAll(/^\| `([a-z_.]+)` +\| (\d{3}) +\|/gm)].map(
      ([, code, status]) => `${code} ${status}`,
    );
    expect(codes.length).toBeGreaterThan(50);
    expect(listed.toSorted()).toEqual(codes.toSorted());
  });

  test('list every error code that ends a command, and no other', () => {
    const events = ['platform.initialised', 'master_key.rotated'];
    const sources = globSync('packages/{cli,keys,pki,protocol,server,updates}/src/**/*.ts', { cwd: root });
    const kinds = 'api|cli|config|folder|init|keys|listener|master_key|pki|platform|updates';
    const code = new RegExp(`'((?:${kinds})\\.[a-z_]+)'`, 'g');
    const used = sources.flatMap((file) => [...read(file).matchAll(code)].map((match) => match[1]!));
    const codes = new Set(used.filter((name) => !events.includes(name)));
    const page = read('docs/reference/error-codes.md');
    const listed = [...page.matchAll(/^\| `([a-z_.]+)` +\| (?!\d{3} )/gm)].map((match) => match[1]!);
    expect(codes.size).toBeGreaterThan(30);
    expect(listed.toSorted()).toEqual([...codes].toSorted());
  });

  test('name tests that exist where they say that a test shows something', () => {
    const pages = ['docs/threat-model.md', 'docs/explanation/updates.md'];
    const link = /\[[^\]]+\]\((?:\.\.\/)+(packages\/[^)]+\.test\.ts) "([^"]+)"\)/g;
    const cited = pages.flatMap((page) => {
      const found = [...read(page).matchAll(link)];
      expect(found.length, page).toBeGreaterThan(20);
      return found;
    });
    const wrong = cited.filter(([, file, name]) => !read(file!).includes(name!));
    expect(wrong.map(([text]) => text)).toEqual([]);
  });
});

/** The members of a union of texts in a source file. */
function unionIn(file: string, name: string): readonly string[] {
  const declaration = new RegExp(`type ${name} =([^;]+);`).exec(read(file))?.[1] ?? '';
  return [...declaration.matchAll(/'([a-z_]+)'/g)].map((match) => match[1]!);
}
