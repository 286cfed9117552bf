import { lintPolicy, POLICY_BYTES_MAX, PolicyError, parsePolicy } from '@fleetward/policy';
import { type Command, Option } from 'commander';
import { addVerb } from '../define.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { type Diagnostic, diagnosticText, type Source } from './policy-diagnostics.ts';
import { sarifLog } from './policy-sarif.ts';
import { placeOf, withoutPlace } from './text-place.ts';

interface LintFlags {
  readonly strict?: boolean;
  readonly format: 'text' | 'sarif';
}

/** A document with what is to be said of it. */
export interface Linted extends Source {
  readonly diagnostics: readonly Diagnostic[];
}

/** `fleetward policy lint`: what is wrong or not meant in policy documents, without a platform. */
export function addPolicyLint(noun: Command, shell: Shell): void {
  addVerb(noun, 'lint <file...>', {
    summary: 'find what is wrong or not meant in policy documents, without a platform',
    description:
      'Reads policy documents as the platform would and prints what refuses them and what is probably not meant, each with its place, the ' +
      'reason and a fix. Exit code 0: no errors, and with `--strict` no warnings; 1: some; 2: a file cannot be read.',
    examples: [
      'fleetward policy lint policies/*.json',
      'fleetward policy lint lamps.json --json | jq -r .id',
      'fleetward policy lint --strict --format sarif policies/*.json > policies.sarif',
    ],
  })
    .option('--strict', 'warnings end the command with 1 too')
    .addOption(
      new Option('--format <format>', 'how findings are printed; `sarif` is one SARIF 2.1.0 document')
        .choices(['text', 'sarif'])
        .default('text'),
    )
    .action(async (files: readonly string[], flags: LintFlags) => {
      const linted: Linted[] = [];
      for (const file of files) linted.push(await lintFile(file, shell));
      show(linted, { shell, flags });
      const severities = linted.flatMap(({ diagnostics }) => diagnostics.map(({ severity }) => severity));
      const isBad = severities.some(
        (severity) => severity === 'error' || (severity === 'warning' && flags.strict === true),
      );
      if (isBad) shell.exitWith(1);
    });
}

async function lintFile(file: string, { terminal }: Shell): Promise<Linted> {
  // More than allowed: the parser's own refusal is the better one.
  const bytes = await readInput(file, { terminal, bytesMax: POLICY_BYTES_MAX * 64 });
  return { file, text: Buffer.from(bytes).toString('utf8'), diagnostics: diagnose(bytes) };
}

function diagnose(text: Uint8Array): readonly Diagnostic[] {
  try {
    return lintPolicy(parsePolicy(text, 'unbound').document);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return errorsOf(error);
  }
}

/** Why a document is refused, a diagnostic for each reason. */
function errorsOf(error: PolicyError): readonly Diagnostic[] {
  return error.issues.map(({ path, message, expected }) => ({
    severity: 'error',
    id: error.code,
    path,
    message: withoutPlace(message),
    fix: `expected ${expected}`,
  }));
}

function show(
  linted: readonly Linted[],
  { shell: { output }, flags }: { readonly shell: Shell; readonly flags: LintFlags },
): void {
  if (flags.format === 'sarif') {
    output.line(JSON.stringify(sarifLog(linted), undefined, 2));
    return;
  }
  for (const { diagnostics, ...source } of linted)
    for (const diagnostic of diagnostics) {
      if (!output.json) output.line(diagnosticText(source, { diagnostic, output }));
      else output.done({ file: source.file, ...diagnostic, ...placeOf(source.text, diagnostic.path) }, '');
    }
  output.note(summaryOf(linted));
}

function summaryOf(linted: readonly Linted[]): string {
  const severities = linted.flatMap(({ diagnostics }) => diagnostics.map(({ severity }) => severity));
  const counts = ['error', 'warning', 'note'].flatMap((severity) => {
    const count = severities.filter((found) => found === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`];
  });
  const documents = linted.length === 1 ? 'one document' : `${linted.length} documents`;
  return `${documents}: ${counts.length === 0 ? 'nothing to complain about' : counts.join(', ')}`;
}
