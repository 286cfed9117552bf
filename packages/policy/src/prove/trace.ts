import type { Symbols } from '../language/symbols.ts';
import type { Ending, Node, Reader } from './search-node.ts';

/** What a search found, as texts. */
export interface Trace {
  readonly name: string;
  /** For each reader of filters its filter. */
  readonly filters: readonly string[];
  /** For each speaker the texts that were marked as values of a variable. */
  readonly spans: readonly ReadonlyMap<string, readonly string[]>[];
}

interface OpenSpan {
  readonly variable: string;
  readonly speaker: number;
  text: string;
}

/** The texts of an ending; `suffixes` completes the filters. Characters within a span differ from those around it. */
export function traceOf(
  { node }: Ending,
  suffixes: readonly string[],
  { readers, symbols }: { readonly readers: readonly Reader[]; readonly symbols: Symbols },
): Trace {
  let name = '';
  const filters = readers.map(() => '');
  const open = new Map<string, OpenSpan>();
  const spans = Array.from({ length: 2 }, () => new Map<string, string[]>());
  for (const { runs, by } of movesTo(node)) {
    if (by === undefined) continue;
    if (by.kind === 'char') {
      const speaker = open.values().next().value?.speaker;
      const char = symbols.shown(by.symbol, speaker === undefined ? 0 : speaker + 1);
      name += char;
      for (const [index, run] of runs.entries()) if (isReading(run.mode)) filters[index] += char;
      for (const span of open.values()) span.text += char;
    } else if (by.kind === 'filter') {
      const text = typeof by.text === 'string' ? by.text : symbols.shown(by.text.symbol, 1);
      filters[by.reader] += text;
      for (const [key, span] of open) if (key.startsWith(`${by.reader} `)) span.text += text;
    } else {
      const key = `${by.reader} ${by.variable}`;
      const speaker = readers[by.reader]!.speaker;
      if (by.kind === 'open') open.set(key, { variable: by.variable, speaker, text: '' });
      else {
        const text = open.get(key)!.text;
        open.delete(key);
        const known = spans[speaker]!.get(by.variable) ?? [];
        spans[speaker]!.set(by.variable, known.includes(text) ? known : [...known, text]);
      }
    }
  }
  return { name, filters: filters.map((filter, index) => filter + (suffixes[index] ?? '')), spans };
}

function movesTo(node: Node): readonly Node[] {
  const nodes: Node[] = [];
  for (let at: Node | undefined = node; at !== undefined; at = at.from) nodes.push(at);
  return nodes.reverse();
}

/** Whether the filter read the character that led into this mode; a wildcard takes the others. */
function isReading(mode: Node['runs'][number]['mode']): boolean {
  return mode === 'within' || mode === 'levelStart' || mode === 'first' || mode === 'shared';
}
