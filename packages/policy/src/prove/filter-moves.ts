import { DEAD } from '../language/machine.ts';
import { TRAIT } from '../language/symbols.ts';
import { distinctSymbols } from './condition-texts.ts';
import { advance, isInGroup, moved, type Node, type Run, type SearchOptions } from './search-node.ts';

/** What a filter can do without the name: take a wildcard for a level or for all the rest, or begin as a shared one. */
export function* filterMoves(node: Node, index: number, options: SearchOptions): Generator<Node> {
  const run = node.runs[index]!;
  const { machine } = options.readers[index]!;
  const read = (state: number, text: string) =>
    [...text].reduce((at, char) => machine.step(at, options.symbols.symbolOf(char)), state);
  const isFirst = run.mode === 'first' || run.mode === 'shared';
  if ((isFirst || run.mode === 'levelStart') && run.spans.length === 0) {
    for (const [text, mode] of [
      ['#', isFirst ? 'hashFirst' : 'hash'],
      ['+', isFirst ? 'plusFirst' : 'plus'],
    ] as const) {
      const state = read(run.state, text);
      const isUseless =
        text === '#' && !machine.accepted(state).includes(1) && options.readers[index]!.isHopeless(state);
      if (state !== DEAD && !isUseless)
        yield moved(node, index, {
          run: { state, mode, spans: [] },
          by: { kind: 'filter', reader: index, text },
        });
    }
  }
  if (run.mode === 'first' && node.name === 'empty' && run.spans.length === 0) {
    const state = read(run.state, '$share/');
    const shared: Run = { state, mode: 'groupStart', spans: [] };
    if (state !== DEAD) yield together(node, index, { run: shared, text: '$share/', options });
  }
  if (isInGroup(run.mode)) yield* groupMoves(node, index, options);
}

/** The name of the group of a shared subscription: at least one character, no wildcard, no slash. */
function* groupMoves(node: Node, index: number, options: SearchOptions): Generator<Node> {
  const run = node.runs[index]!;
  const { machine, partner } = options.readers[index]!;
  const literals = new Set(machine.literals(run.state));
  if (partner !== undefined)
    for (const symbol of options.readers[partner]!.machine.literals(node.runs[partner]!.state))
      literals.add(symbol);
  for (const symbol of distinctSymbols(options.symbols, literals)) {
    const traits = options.symbols.traitsOf(symbol);
    if ((traits & (TRAIT.plus | TRAIT.hash)) !== 0) continue;
    const isSlash = (traits & TRAIT.slash) !== 0;
    if (isSlash && (run.mode === 'groupStart' || run.spans.length > 0)) continue;
    const next = advance(run, symbol, { index, options, traits, mode: isSlash ? 'shared' : 'group' });
    if (next !== undefined) yield* togetherWith(node, index, { run: next, symbol, options });
  }
}

/** Begins a shared filter, and with it the reader of shared names. */
function together(
  node: Node,
  index: number,
  { run, text, options }: { readonly run: Run; readonly text: '$share/'; readonly options: SearchOptions },
): Node {
  const { partner } = options.readers[index]!;
  const begun = moved(node, index, { run, by: { kind: 'filter', reader: index, text } });
  if (partner === undefined) return begun;
  const { machine } = options.readers[partner]!;
  const state = [...text].reduce(
    (at, char) => machine.step(at, options.symbols.symbolOf(char)),
    machine.start,
  );
  return {
    ...begun,
    runs: begun.runs.map((other, at) => (at === partner ? { state, mode: run.mode, spans: [] } : other)),
  };
}

/** Reads a character of the group's name, in the reader of shared names too. */
function* togetherWith(
  node: Node,
  index: number,
  { run, symbol, options }: { readonly run: Run; readonly symbol: number; readonly options: SearchOptions },
): Generator<Node> {
  const { partner } = options.readers[index]!;
  const next = moved(node, index, { run, by: { kind: 'filter', reader: index, text: { symbol } } });
  if (partner === undefined) return yield next;
  const traits = options.symbols.traitsOf(symbol);
  const beside = advance(node.runs[partner]!, symbol, { index: partner, options, traits, mode: run.mode });
  if (beside !== undefined)
    yield { ...next, runs: next.runs.map((other, at) => (at === partner ? beside : other)) };
}
