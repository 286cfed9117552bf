import { styleText } from 'node:util';
import Table from 'cli-table3';
import { formatMoment } from './moment.ts';
import { jsonLine, printable } from './printable.ts';
import { type Terminal, wantsColour } from './terminal.ts';

/** What stands in a table; a time is given as `{ atMs }`. */
export type Cell = string | number | boolean | undefined | { readonly atMs: number };

/** The columns of a list: heading and where its text comes from. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => Cell>>;

/** How an answer reaches people (tables, sentences) or programs (`--json`: one JSON document a line). */
export interface Output {
  readonly json: boolean;
  /** A table, or a line of JSON a row. */
  list<Row>(rows: readonly Row[], columns: Columns<Row>, empty: string): void;
  /** One thing: a line for each field, or one JSON document. */
  record(value: object, fields: Readonly<Record<string, Cell>>): void;
  /** What was done: a sentence, or one JSON document. */
  done(value: object, sentence: string): void;
  /** A line for people only, on standard error. */
  note(text: string): void;
  /** Of a secret that was printed just now: it is not shown again. */
  noteSecret(text: string): void;
  /** A line on standard output, as it is. */
  line(text: string): void;
  /** A cell as a table would show it, for sentences. */
  text(cell: Cell): string;
  bold(text: string): string;
  mark(text: string, colour: 'red' | 'yellow' | 'green'): string;
}

/** `isJson` is asked with each line: commands are put together before the flags are known. */
export function createOutput(terminal: Terminal, isJson: () => boolean): Output {
  const { stdout, stderr, clock } = terminal;
  const colour = wantsColour(stdout, terminal);
  const line = (text: string): void => void stdout.write(`${text}\n`);
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const show = (cell: Cell): string => cellText(cell, clock.now());
  const bold = (text: string): string => paint('bold', text);
  const note = (text: string): void => {
    if (!isJson()) stderr.write(`${text.split('\n').map(printable).join('\n')}\n`);
  };

  return {
    get json() {
      return isJson();
    },
    line,
    text: show,
    bold,
    mark: (text, style) => paint(style, text),
    note,
    // Where its output goes to a file there is no line above.
    noteSecret: (text) =>
      note(`${text}; ${stdout.isTTY ? 'keep the line above, it' : 'keep it, the secret'} is not shown again`),
    done: (value, sentence) => line(isJson() ? jsonLine(value) : printable(sentence)),
    record: (value, fields) => {
      if (isJson()) line(jsonLine(value));
      else for (const text of fieldLines(fields, { show, bold })) line(text);
    },
    list: (rows, columns, empty) => {
      if (isJson()) for (const row of rows) line(jsonLine(row));
      else line(rows.length === 0 ? empty : tableText(rows, { columns, show, bold }));
    },
  };
}

function cellText(cell: Cell, nowMs: number): string {
  if (cell === undefined || cell === '') return '-';
  return typeof cell === 'object' ? formatMoment(cell.atMs, nowMs) : printable(String(cell));
}

interface Painting {
  readonly show: (cell: Cell) => string;
  readonly bold: (text: string) => string;
}

function fieldLines(fields: Readonly<Record<string, Cell>>, { show, bold }: Painting): readonly string[] {
  const width = Math.max(...Object.keys(fields).map((name) => name.length));
  return Object.entries(fields).map(([name, cell]) => `${bold(name.padEnd(width))}  ${show(cell)}`);
}

const noRules = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
    .map((name) => [name, '']),
);

function tableText<Row>(
  rows: readonly Row[],
  { columns, show, bold }: Painting & { readonly columns: Columns<Row> },
): string {
  const table = new Table({
    head: Object.keys(columns).map((head) => bold(head.toUpperCase())),
    chars: { ...noRules, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) table.push(Object.values(columns).map((cell) => show(cell(row))));
  return table
    .toString()
    .split('\n')
    .map((text) => text.trimEnd())
    .join('\n');
}
