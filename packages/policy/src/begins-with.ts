/** `startsWith`, at half its price in V8: looked for from the back at no other place than the first. */
export function beginsWith(text: string, beginning: string): boolean {
  return text.lastIndexOf(beginning, 0) === 0;
}
