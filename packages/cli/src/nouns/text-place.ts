import { placeInPolicy } from '@fleetward/policy';

/** A piece of a text, lines and columns counted from 1; the end is behind it. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** Where the value at a JSON path of a policy document stands, or where its text stops being JSON. */
export function placeOf(text: string, path: string): TextPlace | undefined {
  const place = placeInPolicy(text, path);
  if (place === undefined) return undefined;
  const [line, column] = position(text, place.start);
  const [endLine, endColumn] = position(text, place.end);
  return { line, column, endLine, endColumn };
}

function position(text: string, offset: number): readonly [line: number, column: number] {
  const before = text.slice(0, offset).split('\n');
  return [before.length, (before.at(-1) ?? '').length + 1];
}

const offset = /,? at character (\d+)(?: \(at `[^`]*`\))?/;

/** The message with the file it is about; with line and column where it had a number of characters. */
export function placed(
  message: string,
  { file, text }: { readonly file: string; readonly text: string },
): string {
  const at = offset.exec(message)?.[1];
  if (at === undefined) return `\`${file}\`: ${message}`;
  const [line, column] = position(text, Number(at));
  return `\`${file}:${line}:${column}\`: ${withoutPlace(message)}`;
}

export function withoutPlace(message: string): string {
  return message.replace(offset, '');
}
