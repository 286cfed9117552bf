/** A place in a text, both counted from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

const offset = /,? at character (\d+)(?: \(at `[^`]*`\))?/;

/** Where the strict parser stopped, if its message says it: it counts characters, and editors show lines. */
export function placeIn(text: string, message: string): TextPlace | undefined {
  const at = offset.exec(message)?.[1];
  if (at === undefined) return undefined;
  const before = text.slice(0, Number(at)).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/** The message with the file it is about; with line and column where it had a number of characters. */
export function placed(
  message: string,
  { file, text }: { readonly file: string; readonly text: string },
): string {
  const place = placeIn(text, message);
  if (place === undefined) return `\`${file}\`: ${message}`;
  return `\`${file}:${place.line}:${place.column}\`: ${withoutPlace(message)}`;
}

export function withoutPlace(message: string): string {
  return message.replace(offset, '');
}
