/**
 * The fields of one line of CSV (RFC 4180): separated by commas, quoted where they hold one; a quote inside is doubled; blanks
 * belong to the field. Undefined for a line whose quotes do not match. A field does not go on over the end of its line.
 */
export function csvFields(line: string): readonly string[] | undefined {
  const fields: string[] = [];
  let rest = line.replace(/\r$/, '');
  for (;;) {
    const field = /^(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/.exec(rest);
    if (field === null) return undefined;
    const [whole, quoted, plain = '', end] = field;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '') return fields;
    rest = rest.slice(whole.length);
  }
}

/** A line of CSV without its end; `csvFields` gives the same fields. No field may hold a line break. */
export function csvLine(fields: readonly string[]): string {
  return fields.map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}
