import type { Output } from '../output.ts';
import { printable } from '../printable.ts';
import { placeOf, type TextPlace } from './text-place.ts';

/** Something about a place in a policy document: an error, a lint finding or a note. */
export interface Diagnostic {
  readonly severity: string;
  /** `policy.invalid` for what refuses the document, else the lint's id. */
  readonly id: string;
  /** JSON path into the document. */
  readonly path: string;
  readonly message: string;
  readonly fix?: string | undefined;
}

/** A document as it was read. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

const colours: Readonly<Record<string, 'red' | 'yellow' | 'green'>> = { error: 'red', warning: 'yellow' };

/** A diagnostic as compilers print them: `FILE:LINE:COLUMN: severity[id]: why`, the line with a mark below it, and the fix. */
export function diagnosticText(
  { file, text }: Source,
  { diagnostic, output }: { readonly diagnostic: Diagnostic; readonly output: Output },
): string {
  const { severity, id, path, message, fix } = diagnostic;
  const place = placeOf(text, path);
  const mark = output.mark(severity, colours[severity] ?? 'green');
  const where = place === undefined ? path : `${place.line}:${place.column}`;
  const head = `${output.bold(printable(`${file}:${where}`))}: ${mark}[${printable(id)}]: ${printable(message)}`;
  const excerpt = place === undefined ? [] : excerptOf(text, place);
  return [head, ...excerpt, ...(fix === undefined ? [] : [`  fix: ${printable(fix)}`])].join('\n');
}

/** Columns shown before what is meant, and in all. */
const leadMax = 24;
const columnsMax = 100;

/** The line with what is meant underlined; of a long line the part around it. */
function excerptOf(text: string, { line, column, endLine, endColumn }: TextPlace): readonly string[] {
  const written = (text.split('\n')[line - 1] ?? '').replace(/\r$/, '').replaceAll('\t', ' ');
  const from = written.length <= columnsMax ? 0 : Math.max(0, column - 1 - leadMax);
  const shown = written.slice(from, from + columnsMax);
  const before = shown.slice(0, column - 1 - from);
  const last = endLine === line ? endColumn - 1 : written.length;
  const meant = shown.slice(column - 1 - from, Math.max(last, column) - from);
  const number = String(line);
  const bar = `${' '.repeat(number.length)} |`;
  const carets = '^'.repeat(Math.max(1, printable(meant).length));
  return [`  ${number} | ${printable(shown)}`, `  ${bar} ${' '.repeat(printable(before).length)}${carets}`];
}
