// Controls (C0, DEL, C1), line separators and the marks that reorder text: what a device sends must not drive the
// operator's terminal.
const unprintable =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/gu;

/** The text with every character that could act on a terminal written as `\u{…}`. */
export function printable(text: string): string {
  return text.replace(unprintable, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** One line of JSON; the same characters are escaped the JSON way. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(unprintable, (char) =>
    char === '\n' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
