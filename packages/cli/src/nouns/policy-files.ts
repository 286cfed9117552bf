import { basename } from 'node:path';
import { type AttachedPolicy, POLICY_BYTES_MAX, PolicyError, parsePolicy } from '@fleetward/policy';
import { CliError } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';
import { placed } from './text-place.ts';

/** Policy documents in files, as policies attached to one certificate. Throws `cli.unreadable`. */
export async function readPolicies(
  files: readonly string[],
  terminal: Terminal,
): Promise<readonly AttachedPolicy[]> {
  const policies: AttachedPolicy[] = [];
  for (const file of files) {
    const bytes = await readInput(file, { terminal, bytesMax: POLICY_BYTES_MAX * 64 });
    policies.push({
      name: basename(file, '.json'),
      versionId: 1,
      via: 'certificate',
      document: readDocument(file, bytes),
    });
  }
  return policies;
}

function readDocument(file: string, bytes: Uint8Array): AttachedPolicy['document'] {
  try {
    return parsePolicy(bytes, 'unbound').document;
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    const hint = `\`fleetward policy lint ${file}\` lists every reason`;
    throw new CliError(
      'cli.unreadable',
      placed(cause.message, { file, text: Buffer.from(bytes).toString('utf8') }),
      {
        cause,
        hint,
      },
    );
  }
}
