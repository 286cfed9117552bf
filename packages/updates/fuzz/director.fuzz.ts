import { readFileSync } from 'node:fs';
import { verifyInstruction } from '../src/director/verify-instruction.ts';
import { furtherRole } from '../src/metadata/further-roles.ts';
import { parseRoot } from '../src/metadata/parse.ts';

const vectors = new URL('../../../conformance/vectors/director/', import.meta.url);
const bytesMax = 16 * 1024;
const followed = read('valid/same-again.json');
const root = parseRoot(new TextEncoder().encode(followed.trusted.root), bytesMax);
const directed = { root, role: furtherRole(root, 'director')!, thingName: followed.thingName };

/** What a director signed, and what others did. */
export const seeds: readonly Uint8Array[] = ['valid/same-again', 'invalid/two-targets', 'invalid/delegates']
  .map((name) => read(`${name}.json`).repository['director/targets.json'])
  .map((text) => new TextEncoder().encode(text));

/** No bytes but those that the director signed are an instruction; all others are refused, with a clause. */
export function fuzz(input: Uint8Array): void {
  const step = verifyInstruction(input, { directed, bytesMax });
  if (step.kind === 'refused' && step.step.startsWith('Uptane 5.4.4.6.')) return;
  if (step.kind !== 'ok' || !Buffer.from(step.value.canonical).equals(signedOnce))
    throw new Error(`neither refused nor what was signed: ${JSON.stringify(step)}`);
}

const original = verifyInstruction(seeds[0]!, { directed, bytesMax });
const signedOnce = Buffer.from(original.kind === 'ok' ? original.value.canonical : []);

/** What this target needs of a vector: files as they are on the wire. */
interface Vector {
  readonly thingName: string;
  readonly trusted: { readonly root: string };
  readonly repository: { readonly 'director/targets.json': string };
}

function read(name: string): Vector {
  return JSON.parse(readFileSync(new URL(name, vectors), 'utf8'));
}
