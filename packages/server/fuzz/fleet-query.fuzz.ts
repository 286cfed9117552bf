import { SearchError } from '../src/search/index.ts';
import { parseQuery } from '../src/search/query/parse-query.ts';
import { printQuery } from '../src/search/query/print-query.ts';

const limits = { queryLengthMax: 512, queryTermsMax: 16, queryDepthMax: 8 };

export const seeds: readonly Uint8Array[] = [
  'group:oven* and connected:false and firmware<"2.1" and cert.expiresIn<30d',
  'not (a:b or "c d">="\\"\\\\") and NOT name:urn:x:*',
  '((((((((a:b))))))))',
  'a:and or or:not',
].map((text) => Buffer.from(text));

/** What an operator types: a query that means the same when it is written again, or an error with its place. */
export function fuzz(input: Uint8Array): void {
  const text = Buffer.from(input).toString('utf8');
  try {
    const printed = printQuery(parseQuery(text, limits));
    const again = printQuery(parseQuery(printed, { ...limits, queryLengthMax: 4_096, queryDepthMax: 32 }));
    if (again !== printed) throw new Error(`\`${printed}\` became \`${again}\``);
  } catch (error) {
    if (!(error instanceof SearchError)) throw error;
    const { position } = error.details as { readonly position: number };
    if (!(position >= 1 && position <= text.length + 1)) throw new Error('a place outside of the query');
  }
}
