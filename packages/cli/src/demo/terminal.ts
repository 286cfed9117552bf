import { stripVTControlCharacters } from 'node:util';
import type { Story, StoryListener, StoryRow } from './story.ts';

export interface Terminal extends StoryListener {
  started(): void;
  finished(story: Story): void;
  note(text: string): void;
}

/** Below this the two columns stand one under the other. */
const sideBySideMin = 120;
const widthWithoutTerminal = 156;

interface Layout {
  readonly width: number;
  readonly tried: number;
  readonly happened: number;
}

function layout(): Layout {
  const width = Math.max(40, process.stdout.columns ?? widthWithoutTerminal);
  if (width < sideBySideMin) return { width, tried: width - 14, happened: width - 6 };
  const tried = Math.min(46, Math.floor(width / 3));
  return { width, tried, happened: width - tried - 15 };
}

/** A readable table that grows as the story goes on; with `json` one object a line instead. */
export function createTerminal({ json }: { readonly json: boolean }): Terminal {
  const write = (text: string) => void process.stdout.write(`${text}\n`);
  const note = (text: string) => void process.stderr.write(`${text}\n`);
  if (json)
    return {
      started: ignore,
      stepStarted: ignore,
      rowStarted: ignore,
      rowEnded: (row) => write(JSON.stringify(row)),
      finished: ignore,
      note,
    };
  const color = colors();
  return {
    started: () => {
      write(color.dim(heading(layout())));
      showProgress('  … a platform is initialised and started in a throw-away folder');
    },
    stepStarted: (step, title) => {
      showProgress('');
      write(`\n${color.bold(`${step}. ${title}`)}`);
    },
    rowStarted: (tried) => showProgress(`  … ${tried}`),
    rowEnded: (row) => {
      showProgress('');
      write(formatRow(row, { color, at: layout() }));
    },
    finished: (story) => write(summary(story, color)),
    note: (text) => write(`\n${text}`),
  };
}

function ignore(): void {}

/** One line that is overwritten; only where a person watches. */
function showProgress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\u001b[2K${text.slice(0, layout().width - 1)}`);
}

function heading({ width, tried, happened }: Layout): string {
  if (width < sideBySideMin) return '    what was tried, how long, and what happened';
  return `    ${'what was tried'.padEnd(tried)}  ${'what happened'.padEnd(happened)} how long`;
}

function formatRow(row: StoryRow, { color, at }: { readonly color: Colors; readonly at: Layout }): string {
  const mark = row.passed ? color.green('✓') : color.red('✗');
  const time = color.dim(formatDuration(row.durationMs).padStart(8));
  const left = wrap(row.tried, at.tried);
  const right = wrap(row.happened, at.happened);
  if (at.width < sideBySideMin) return stacked({ mark, time, left, right }, at);
  const lines = Array.from({ length: Math.max(left.length, right.length) }, (_, index) => {
    const start = index === 0 ? `  ${mark} ` : '    ';
    const end = index === 0 ? `${(right[0] ?? '').padEnd(at.happened)} ${time}` : (right[index] ?? '');
    return `${start}${(left[index] ?? '').padEnd(at.tried)}  ${end}`.trimEnd();
  });
  return lines.join('\n');
}

function stacked(
  row: {
    readonly mark: string;
    readonly time: string;
    readonly left: readonly string[];
    readonly right: readonly string[];
  },
  at: Layout,
): string {
  const [first = '', ...more] = row.left;
  return [
    `  ${row.mark} ${first.padEnd(at.tried)} ${row.time}`,
    ...more.map((line) => `    ${line}`),
    ...row.right.map((line) => `      ${line}`),
  ].join('\n');
}

function summary({ rows, passed }: Story, color: Colors): string {
  const failed = rows.filter((row) => !row.passed).length;
  const total = formatDuration(rows.reduce((sum, { durationMs }) => sum + durationMs, 0));
  const text = passed
    ? `${rows.length} of ${rows.length} came out as they must, in ${total}`
    : `${failed} of ${rows.length} did not come out as they must`;
  return `\n${passed ? color.green(text) : color.red(text)}`;
}

function formatDuration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** Breaks at spaces; control characters a device may have put into a name are taken out. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of stripVTControlCharacters(text).replaceAll(/\s+/g, ' ').trim().split(' ')) {
    for (const part of word.match(new RegExp(`.{1,${width}}`, 'gu')) ?? []) {
      if (line !== '' && line.length + 1 + part.length > width) {
        lines.push(line);
        line = part;
      } else {
        line = line === '' ? part : `${line} ${part}`;
      }
    }
  }
  return [...lines, line];
}

interface Colors {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
}

function colors(): Colors {
  const isColored = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  const code = (on: number, off: number) => (text: string) =>
    isColored ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return { bold: code(1, 22), dim: code(2, 22), green: code(32, 39), red: code(31, 39) };
}
