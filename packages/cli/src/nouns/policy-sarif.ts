import { isAbsolute, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LINT_RULES } from '@fleetward/policy';
import { cliVersion } from '../version.ts';
import type { Diagnostic } from './policy-diagnostics.ts';
import type { Linted } from './policy-lint.ts';
import { placeOf } from './text-place.ts';

const rules = { 'policy.invalid': 'A document that is refused', ...LINT_RULES };
const ruleIds = Object.keys(rules);

/** Findings as a SARIF 2.1.0 log (OASIS), which code hosts and editors read. */
export function sarifLog(linted: readonly Linted[]) {
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'fleetward policy lint',
            version: cliVersion,
            rules: Object.entries(rules).map(([id, text]) => ({ id, shortDescription: { text } })),
          },
        },
        // SARIF 2.1.0 §3.14.17: what columns count.
        columnKind: 'utf16CodeUnits',
        results: linted.flatMap((one) => one.diagnostics.map((diagnostic) => resultOf(diagnostic, one))),
      },
    ],
  };
}

function resultOf({ id, severity, path, message, fix }: Diagnostic, { file, text }: Linted) {
  const place = placeOf(text, path);
  const region = place && {
    startLine: place.line,
    startColumn: place.column,
    endLine: place.endLine,
    endColumn: place.endColumn,
  };
  return {
    ruleId: id,
    ruleIndex: ruleIds.indexOf(id),
    // Our severities are SARIF's levels.
    level: severity,
    message: { text: fix === undefined ? message : `${message}. Fix: ${fix}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...(region && { region }) },
        logicalLocations: [{ fullyQualifiedName: path }],
      },
    ],
  };
}

/** §3.4.3: a URI, relative for a relative path. */
function uriOf(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return file.split(sep).map(encodeURIComponent).join('/');
}
