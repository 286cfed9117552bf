import { usage } from '../errors.ts';
import { readLines } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';
import {
  csvHeader,
  type LineFault,
  parseCsvHeader,
  parseCsvLine,
  parseJsonThing,
  type ThingLine,
  thingLineBytesMax,
} from './parse-thing-line.ts';

export interface NumberedLine {
  readonly line: number;
  /** Where the line ends in the file. */
  readonly endByte: number;
  /** As it came, without its end; nothing of one that is too long. */
  readonly bytes: Uint8Array;
  readonly thing: ThingLine | LineFault;
}

/** Names are remembered, to tell a thing that two lines are about. */
const linesMax = 2_000_000;

/** What each line says, blank ones aside; `header` is told of the line of columns. Throws `cli.usage` without one, `cli.unreadable`. */
export async function* readThingLines(
  file: string,
  {
    format,
    terminal,
    header,
  }: {
    readonly format: 'csv' | 'jsonl';
    readonly terminal: Terminal;
    readonly header: (bytes: Uint8Array) => void;
  },
): AsyncGenerator<NumberedLine, void, undefined> {
  let parse = format === 'jsonl' ? parseJsonThing : undefined;
  const lineOf = new Map<string, number>();
  for await (const { line, endByte, bytes, text } of textLines(file, terminal)) {
    if (typeof text === 'string' && text.trim() === '') continue;
    if (parse === undefined) {
      parse = parserUnder(text, file);
      header(bytes);
      continue;
    }
    const thing = typeof text === 'string' ? parse(text) : text;
    yield { line, endByte, bytes, thing: onlyOnce(thing, line, lineOf) };
  }
  if (parse === undefined) throw noHeader(file);
}

function parserUnder(text: string | LineFault, file: string): (line: string) => ThingLine | LineFault {
  const columns = typeof text === 'string' ? parseCsvHeader(text) : undefined;
  if (columns === undefined) throw noHeader(file);
  return (line) => parseCsvLine(line, columns);
}

function onlyOnce(
  thing: ThingLine | LineFault,
  line: number,
  lineOf: Map<string, number>,
): ThingLine | LineFault {
  if ('fault' in thing) return thing;
  const before = lineOf.get(thing.thingName);
  if (before !== undefined) return { fault: `line ${before} has the same name` };
  lineOf.set(thing.thingName, line);
  return thing;
}

interface TextLine extends Omit<NumberedLine, 'thing'> {
  readonly text: string | LineFault;
}

async function* textLines(file: string, terminal: Terminal): AsyncGenerator<TextLine, void, undefined> {
  let line = 0;
  let endByte = 0;
  for await (const read of readLines(file, { terminal, lineBytesMax: thingLineBytesMax })) {
    if (++line > linesMax)
      throw usage(`\`${file}\` has more than ${linesMax} lines`, 'split it: each part is imported by itself');
    endByte += read === 'too-long' ? thingLineBytesMax : read.length + 1;
    if (read === 'too-long') yield { line, endByte, bytes: Buffer.alloc(0), text: tooLong };
    else {
      const bytes = line === 1 ? withoutMark(read) : read;
      yield { line, endByte, bytes, text: textOf(bytes) };
    }
  }
}

const tooLong = { fault: `it has more than ${thingLineBytesMax} bytes` };

/** Programs of Windows begin a file in UTF-8 with a byte order mark. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | LineFault {
  try {
    return utf8.decode(bytes);
  } catch {
    return { fault: 'it is not UTF-8' };
  }
}

function noHeader(file: string) {
  return usage(
    `the first line of \`${file}\` does not name the columns, each once`,
    `they are \`${csvHeader}\`, \`attribute.NAME\` and \`tag.NAME\`, in any order; \`name\` must be there`,
  );
}
