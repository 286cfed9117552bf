/** `one thing`, `3 things`; `plural` for nouns that take more than an s. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return count === 1 ? `one ${noun}` : `${count} ${plural}`;
}
