import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../../conformance/vectors/policy');

/** The vectors of one kind, each with its file's name. */
export function loadVectors<Vector>(
  kind: 'valid' | 'invalid' | 'decisions' | 'lint',
): readonly [string, Vector][] {
  return readdirSync(join(ROOT, kind))
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => [
      file.slice(0, -'.json'.length),
      JSON.parse(readFileSync(join(ROOT, kind, file), 'utf8')),
    ]);
}
