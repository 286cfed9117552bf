/**
 * Words that a device chose, as every database keeps them: PostgreSQL has no NUL in a text, and what one device says must neither fail a
 * write nor leave it without its trace.
 */
export function storableText(text: string): string {
  return text.replace(/\p{Cc}/gu, '\u{fffd}');
}
