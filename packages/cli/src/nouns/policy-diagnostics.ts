import type { Output } from '../output.ts';
import { printable } from '../printable.ts';

/** Something about a place in a policy document: an error, a lint finding or a note. */
export interface Diagnostic {
  readonly severity: string;
  /** `policy.invalid` for what refuses the document, else the lint's id. */
  readonly id: string;
  /** JSON path into the document. */
  readonly path: string;
  /** Where the text stops being JSON, counted from 1. */
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  readonly fix?: string | undefined;
}

const colours: Readonly<Record<string, 'red' | 'yellow' | 'green'>> = { error: 'red', warning: 'yellow' };

/** A diagnostic as compilers print them: `FILE: PATH: severity[id]: message`, and the fix below. */
export function diagnosticText(
  file: string,
  { diagnostic, output }: { readonly diagnostic: Diagnostic; readonly output: Output },
): string {
  const { severity, id, line: row, column, message, fix } = diagnostic;
  const path = row === undefined ? diagnostic.path : `${row}:${column}`;
  const mark = output.mark(severity, colours[severity] ?? 'green');
  const place = output.bold(printable(`${file}:${path}`));
  const line = `${place}: ${mark}[${printable(id)}]: ${printable(message)}`;
  return fix === undefined ? line : `${line}\n  fix: ${printable(fix)}`;
}
