import { readFileSync } from 'node:fs';

const reference = new URL('../../../docs/reference/search.md', import.meta.url);

/** Every query of the `fleet-query` blocks of docs/reference/search.md. */
export function documentedQueries(): readonly string[] {
  const blocks = readFileSync(reference, 'utf8').matchAll(/```fleet-query\n([\s\S]*?)```/g);
  return [...blocks].flatMap(([, text = '']) => text.trim().split('\n'));
}
