import { TRAIT } from '../language/symbols.ts';
import { distinctSymbols } from './condition-texts.ts';
import { filterMoves } from './filter-moves.ts';
import { isWhole, nextName } from './name-grammar.ts';
import {
  advance,
  type Ending,
  isInGroup,
  isInStep,
  isOpen,
  type Node,
  type Place,
  type Run,
  type SearchOptions,
  type Way,
} from './search-node.ts';
import { marks } from './span-marks.ts';

/** Goes through all names, shortest first, as far as the readers tell them apart, and yields each complete one. */
export function* search(options: SearchOptions): Generator<Ending> {
  const { readers, budget } = options;
  const start: Node = {
    runs: readers.map(({ machine, reads }) => ({
      state: machine.start,
      mode: reads === 'shared' ? 'off' : 'first',
      spans: [],
    })),
    alignments: [],
    name: 'empty',
  };
  const seen = new Set([keyOf(start)]);
  let layer: readonly Node[] = [start];
  while (layer.length > 0) {
    const next: Node[] = [];
    for (const node of layer) {
      const ending = endingOf(node, options);
      if (ending !== undefined) yield ending;
      for (const follower of followers(node, options)) {
        const key = keyOf(follower);
        if (seen.has(key) || isLost(follower, options)) continue;
        budget.spend();
        seen.add(key);
        next.push(follower);
      }
    }
    layer = next;
  }
}

function keyOf({ runs, alignments, name }: Node): string {
  const spans = (run: Run) =>
    run.spans.map((span) => `${span.variable},${span.inner},${span.isFresh ? 1 : 0}`).join(';');
  const pairs = alignments.map((pair) =>
    [pair.left.reader, pair.left.variable, pair.right.reader, pair.right.variable, pair.isClosed].join(),
  );
  return `${name}|${runs.map((run) => `${run.state} ${run.mode} ${spans(run)}`).join('|')}|${pairs.join(';')}`;
}

function isLost({ runs, name }: Node, { readers }: SearchOptions): boolean {
  const isHopeless = (index: number) => readers[index]!.isHopeless(runs[index]!.state);
  return runs.some((run, index) => {
    const { reads, substitute } = readers[index]!;
    if (reads === 'shared' || run.mode === 'hash' || run.mode === 'hashFirst' || !isHopeless(index))
      return false;
    if (substitute === undefined || runs[substitute]!.mode === 'off')
      return substitute === undefined || name !== 'empty';
    return isHopeless(substitute);
  });
}

function* followers(node: Node, options: SearchOptions): Generator<Node> {
  for (const [index, reader] of options.readers.entries()) {
    yield* marks(node, index, options);
    if (reader.reads === 'filter') yield* filterMoves(node, index, options);
  }
  for (const symbol of symbolsToTry(node, options)) {
    const next = readSymbol(node, symbol, options);
    if (next !== undefined) yield next;
  }
}

function symbolsToTry({ runs }: Node, { readers, speakers, symbols }: SearchOptions): readonly number[] {
  const literals = new Set<number>();
  for (const [index, run] of runs.entries()) {
    const reader = readers[index]!;
    if (isInStep(run.mode) || reader.reads === 'name')
      for (const symbol of reader.machine.literals(run.state)) literals.add(symbol);
    for (const span of run.spans) {
      const inner = speakers[reader.speaker]!.variables.get(span.variable)?.constraint?.machine;
      for (const symbol of inner?.literals(span.inner) ?? []) literals.add(symbol);
    }
  }
  return distinctSymbols(symbols, literals);
}

function readSymbol(node: Node, symbol: number, options: SearchOptions): Node | undefined {
  const traits = options.symbols.traitsOf(symbol);
  const name = nextName(node, traits, options);
  if (name === undefined) return undefined;
  const runs: Run[] = [];
  for (const [index, run] of node.runs.entries()) {
    const next = stepRun(run, symbol, { index, options, traits });
    if (next === undefined) return undefined;
    runs.push(next);
  }
  const alignments = node.alignments.filter(
    ({ isClosed, left, right }) =>
      !isClosed && isOpen(runs[left.reader]!, left.variable) && isOpen(runs[right.reader]!, right.variable),
  );
  return { runs, alignments, name, from: node, by: { kind: 'char', symbol } };
}

function stepRun(run: Run, symbol: number, place: Place): Run | undefined {
  const reader = place.options.readers[place.index]!;
  if (reader.reads === 'name') return advance(run, symbol, { ...place, mode: 'within' });
  if (reader.reads === 'shared' && !isInGroup(run.mode))
    return run.mode === 'off' ? run : advance(run, symbol, { ...place, mode: 'within' });
  const isSlash = (place.traits & TRAIT.slash) !== 0;
  const isDollar = (place.traits & TRAIT.dollar) !== 0;
  switch (run.mode) {
    case 'groupStart':
    case 'group':
      return undefined;
    case 'hashFirst':
      return isDollar ? undefined : { ...run, mode: 'hash' };
    case 'hash':
      return run;
    case 'plusFirst':
      if (isDollar) return undefined;
      return isSlash ? advance(run, symbol, { ...place, mode: 'levelStart' }) : { ...run, mode: 'plus' };
    case 'plus':
      return isSlash ? advance(run, symbol, { ...place, mode: 'levelStart' }) : run;
    default:
      return advance(run, symbol, { ...place, mode: isSlash ? 'levelStart' : 'within' });
  }
}

function endingOf(node: Node, { readers, type, symbols }: SearchOptions): Ending | undefined {
  if (node.runs.some(({ spans }) => spans.length > 0) || !isWhole(node, type)) return undefined;
  const states = node.runs.map(({ state, mode }, index): readonly Way[] => {
    const { machine, reads } = readers[index]!;
    const here: Way = { state, suffix: '', isActive: mode !== 'off' };
    if (reads !== 'filter' || mode === 'hash' || mode === 'hashFirst') return [here];
    if (isInGroup(mode)) return [];
    // `a/#` covers `a` too (MQTT 5 §4.7.1.2).
    const parent = ['/', '#'].reduce((at, char) => machine.step(at, symbols.symbolOf(char)), state);
    return [here, { state: parent, suffix: '/#', isActive: true }];
  });
  return states.every((ways) => ways.length > 0) ? { node, states } : undefined;
}
