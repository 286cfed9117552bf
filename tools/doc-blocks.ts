/** A fenced block of a document that a test runs. */
export interface DocBlock {
  readonly file: string;
  /** Line of its first command, from 1. */
  readonly line: number;
  readonly script: string;
  /** What its output must contain, in any order: the texts after `# →`. */
  readonly expected: readonly string[];
  /** It goes on while the next blocks run; the next one starts when its output has this text. */
  readonly untilOutput?: string;
}

/**
 * The blocks that open with ```` ```sh test=STORY ````, in order. `until=TEXT` puts one into the background. Whoever reads
 * the rendered page sees plain shell.
 */
export function docBlocks(
  markdown: string,
  { file, story }: { file: string; story: string },
): readonly DocBlock[] {
  const fences = markdown.matchAll(/^( *)```sh ([^\n]*)\n(.*?)^\1```$/gms);
  return [...fences].flatMap(({ 1: indent = '', 2: words = '', 3: indented = '', index }) => {
    const settings = new Map(words.split(' ').map((word) => word.split('=', 2) as [string, string]));
    if (settings.get('test') !== story) return [];
    const script = indented.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    const line = markdown.slice(0, index).split('\n').length + 1;
    const expected = [...script.matchAll(/# → (.+)$/gm)].map((match) => match[1]!.trim());
    const until = settings.get('until');
    return [{ file, line, script, expected, ...(until === undefined ? {} : { untilOutput: until }) }];
  });
}
