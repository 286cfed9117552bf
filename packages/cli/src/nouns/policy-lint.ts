import { lintPolicy, POLICY_BYTES_MAX, PolicyError, parsePolicy } from '@fleetward/policy';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Output } from '../output.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { type Diagnostic, diagnosticText } from './policy-diagnostics.ts';
import { placeIn, withoutPlace } from './text-place.ts';

/** `fleetward policy lint`: what is wrong or not meant in policy documents, without a platform. */
export function addPolicyLint(noun: Command, { terminal, output, exitWith }: Shell): void {
  addVerb(noun, 'lint <file...>', {
    summary: 'find what is wrong or not meant in policy documents, without a platform',
    description:
      'Reads policy documents as the platform would and prints what refuses them and what is probably not meant, each with its place, the ' +
      'reason and a fix. Exit code 0: nothing above info; 1: errors or warnings; 2: a file cannot be read.',
    examples: [
      'fleetward policy lint policies/*.json',
      'fleetward policy lint lamps.json --json | jq -r .id',
    ],
  }).action(async (files: readonly string[]) => {
    let worst = 0;
    for (const file of files) {
      // One byte more than allowed: the parser's own refusal is the better one.
      const text = await readInput(file, { terminal, bytesMax: POLICY_BYTES_MAX * 64 });
      const diagnostics = diagnose(text);
      for (const diagnostic of diagnostics) show(file, { diagnostic, output });
      worst += diagnostics.filter(({ severity }) => severity !== 'info').length;
    }
    if (worst > 0) exitWith(1);
    const summary = worst === 0 ? 'nothing to complain about' : `${worst} to look at`;
    output.note(`${files.length === 1 ? 'one document' : `${files.length} documents`}: ${summary}`);
  });
}

function diagnose(text: Uint8Array): readonly Diagnostic[] {
  try {
    const { document } = parsePolicy(text, 'unbound');
    return lintPolicy(document);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return errorsOf(error, Buffer.from(text).toString('utf8'));
  }
}

/** Why a document is refused, a diagnostic for each reason. */
function errorsOf(error: PolicyError, text: string): readonly Diagnostic[] {
  const issues =
    error.issues.length > 0 ? error.issues : [{ path: '$', message: error.message, expected: '' }];
  return issues.map(({ path, message, expected }) => ({
    severity: 'error',
    id: error.code,
    path,
    ...placeIn(text, message),
    message: withoutPlace(message),
    ...(expected === '' ? {} : { fix: `expected ${expected}` }),
  }));
}

function show(
  file: string,
  { diagnostic, output }: { readonly diagnostic: Diagnostic; readonly output: Output },
): void {
  if (output.json) output.done({ file, ...diagnostic }, '');
  else output.line(diagnosticText(file, { diagnostic, output }));
}
