import type { ResourceType } from '../actions.ts';
import type { StateBudget } from '../language/budget.ts';
import { DEAD, type Machine } from '../language/machine.ts';
import { type Symbols, TRAIT } from '../language/symbols.ts';
import { distinctSymbols } from './condition-texts.ts';
import type { Constraint } from './worlds.ts';

/** What one device can be told apart by: its variables that are free, and what they may contain. */
export interface Speaker {
  /** By the variable's name. */
  readonly variables: ReadonlyMap<string, Range>;
}

export interface Range {
  readonly mayContain: (traits: number) => boolean;
  readonly constraint?: Constraint | undefined;
}

/**
 * A machine that reads the name, a filter that covers the name, or `$share/<group>/` and the name where that filter is a
 * shared one.
 */
export interface Reader {
  readonly machine: Machine;
  readonly reads: 'name' | 'filter' | 'shared';
  readonly speaker: number;
  /** Of a reader of shared names and of one of filters: which reader is the other one. */
  readonly partner?: number | undefined;
  /** Of a reader of names: which reader's verdict can take the place of its own. */
  readonly substitute?: number | undefined;
  /** Whether no continuation is of use. */
  readonly isHopeless: (state: number) => boolean;
}

export interface SearchOptions {
  readonly readers: readonly Reader[];
  readonly speakers: readonly Speaker[];
  readonly type: ResourceType;
  readonly symbols: Symbols;
  readonly budget: StateBudget;
  /** Characters that the name may have; a client id for example has no wildcards where it is substituted. */
  readonly nameMayContain?: (traits: number) => boolean;
  /** What the value of a variable is unique as: values of two speakers that are so as the same thing always differ. */
  readonly uniqueOf?: (variable: string, speaker: number) => readonly string[];
}

/** An open span of a variable. */
interface Span {
  readonly variable: string;
  /** State of the variable's constraint. */
  readonly inner: number;
  readonly isFresh: boolean;
}

/** Where a filter is in relation to the name it covers. */
type Mode =
  | 'off'
  | 'first'
  | 'shared'
  | 'levelStart'
  | 'within'
  | 'plusFirst'
  | 'plus'
  | 'hashFirst'
  | 'hash'
  | 'groupStart'
  | 'group';

interface Run {
  readonly state: number;
  readonly mode: Mode;
  readonly spans: readonly Span[];
}

/** Two spans that began at the same place and must not end at the same one: their values differ. */
interface Alignment {
  readonly left: SpanEnd;
  readonly right: SpanEnd;
  readonly isClosed: boolean;
}

interface SpanEnd {
  readonly reader: number;
  readonly variable: string;
}

export type Move =
  | { readonly kind: 'char'; readonly symbol: number }
  /** The filter alone moves on: a wildcard, or the group of a shared subscription. */
  | {
      readonly kind: 'filter';
      readonly reader: number;
      readonly text: '+' | '#' | '$share/' | '/' | { readonly symbol: number };
    }
  | { readonly kind: 'open' | 'close'; readonly reader: number; readonly variable: string };

export interface Node {
  readonly runs: readonly Run[];
  readonly alignments: readonly Alignment[];
  readonly name: 'empty' | 'begun' | 'levelStart' | 'second' | 'plus' | 'hash';
  readonly from?: Node;
  readonly by?: Move;
}

export interface Way {
  readonly state: number;
  readonly suffix: '' | '/#';
  /** Not so for a reader of shared names beside a filter that is not shared. */
  readonly isActive: boolean;
}

/** A way in which the readers accept a name: for each its state, and for filters what still follows. */
export interface Ending {
  readonly node: Node;
  readonly states: readonly (readonly Way[])[];
}

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

/** Whether the filter reads the same characters as the name. */
function isInStep(mode: Mode): boolean {
  return mode === 'first' || mode === 'shared' || mode === 'levelStart' || mode === 'within';
}

/** Whether the filter reads the name of a shared subscription's group. */
function isInGroup(mode: Mode): boolean {
  return mode === 'groupStart' || mode === 'group';
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

function isOpen({ spans }: Run, variable: string): boolean {
  return spans.some((span) => span.variable === variable);
}

/** Keeps to names that the protocol allows for that type of resource. */
function nextName(
  { name }: Node,
  traits: number,
  { type, nameMayContain }: SearchOptions,
): Node['name'] | undefined {
  if (nameMayContain !== undefined && !nameMayContain(traits)) return undefined;
  const is = (trait: number) => (traits & trait) !== 0;
  switch (type) {
    case 'topic':
      return is(TRAIT.plus) || is(TRAIT.hash) ? undefined : 'begun';
    case 'client':
      return is(TRAIT.control) || (name === 'empty' && is(TRAIT.dollar)) ? undefined : 'begun';
    case 'thing':
      if (is(TRAIT.thing)) return name === 'levelStart' || name === 'second' ? 'second' : 'begun';
      // The thing's name, then perhaps a shadow's.
      return is(TRAIT.slash) && name === 'begun' ? 'levelStart' : undefined;
    case 'topicfilter':
      return nextFilter(name, is);
    case 'none':
      return undefined;
  }
}

function nextFilter(name: Node['name'], is: (trait: number) => boolean): Node['name'] | undefined {
  if (name === 'hash') return undefined;
  if (is(TRAIT.slash)) return 'levelStart';
  if (name === 'plus') return undefined;
  const isAtStart = name === 'empty' || name === 'levelStart';
  if (is(TRAIT.plus)) return isAtStart ? 'plus' : undefined;
  if (is(TRAIT.hash)) return isAtStart ? 'hash' : undefined;
  return 'begun';
}

interface Place {
  readonly index: number;
  readonly options: SearchOptions;
  readonly traits: number;
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

/** One character further in the machine and in the open spans; nothing when a span may not contain it. */
function advance(
  run: Run,
  symbol: number,
  { index, options, traits, mode }: Place & { readonly mode: Mode },
): Run | undefined {
  const { machine, speaker } = options.readers[index]!;
  const spans: Span[] = [];
  for (const span of run.spans) {
    const range = options.speakers[speaker]!.variables.get(span.variable)!;
    if (!range.mayContain(traits)) return undefined;
    const inner = range.constraint === undefined ? 0 : range.constraint.machine.step(span.inner, symbol);
    spans.push({ variable: span.variable, inner, isFresh: false });
  }
  return { state: machine.step(run.state, symbol), mode, spans };
}

/** Begins or ends a span of a variable where a pattern waits for it. */
function* marks(node: Node, index: number, options: SearchOptions): Generator<Node> {
  const { readers, speakers } = options;
  const run = node.runs[index]!;
  const { machine, reads, speaker } = readers[index]!;
  if (reads !== 'name' && !isInStep(run.mode) && !isInGroup(run.mode)) return;
  for (const variable of machine.awaited(run.state)) {
    const range = speakers[speaker]!.variables.get(variable);
    if (range === undefined || isOpen(run, variable)) continue;
    const span = { variable, inner: range.constraint?.machine.start ?? 0, isFresh: true };
    const spans = [...run.spans, span].sort((a, b) => (a.variable < b.variable ? -1 : 1));
    const opened = { ...run, state: machine.mark(run.state, 'open', variable), spans };
    // Within the group of a shared subscription the filter is not at the name's place.
    const alignments = isInGroup(run.mode)
      ? node.alignments
      : aligned(node, { reader: index, variable }, options);
    yield moved(node, index, { run: opened, alignments, by: { kind: 'open', reader: index, variable } });
  }
  for (const span of run.spans) {
    const { variable } = span;
    const range = speakers[speaker]!.variables.get(variable)!;
    if (span.isFresh || !isSatisfied(range, span)) continue;
    const alignments = closed(node, index, variable);
    if (alignments === undefined) continue;
    const spans = run.spans.filter((other) => other !== span);
    const state = machine.mark(run.state, 'close', variable);
    yield moved(node, index, {
      run: { ...run, state, spans },
      alignments,
      by: { kind: 'close', reader: index, variable },
    });
  }
}

function isSatisfied({ constraint }: Range, { inner }: Span): boolean {
  return constraint === undefined || constraint.machine.accepted(inner).join('') === constraint.vector;
}

/** Notes which spans of other speakers begin at this same place and always differ. */
function aligned(
  { runs, alignments }: Node,
  left: SpanEnd,
  { readers, uniqueOf }: SearchOptions,
): readonly Alignment[] {
  const { speaker } = readers[left.reader]!;
  const unique = uniqueOf?.(left.variable, speaker) ?? [];
  if (unique.length === 0) return alignments;
  const partners = runs.flatMap((run, reader) => {
    const other = readers[reader]!.speaker;
    if (other === speaker || isInGroup(run.mode)) return [];
    return run.spans
      .filter(
        ({ variable, isFresh }) =>
          isFresh && uniqueOf!(variable, other).some((name) => unique.includes(name)),
      )
      .map(({ variable }) => ({ left, right: { reader, variable }, isClosed: false }));
  });
  return [...alignments, ...partners];
}

/** Notes that one of two spans ends here; nothing when the other one did too: their values would be the same. */
function closed({ alignments }: Node, index: number, variable: string): readonly Alignment[] | undefined {
  const is = (end: SpanEnd) => end.reader === index && end.variable === variable;
  const isMine = ({ left, right }: Alignment) => is(left) || is(right);
  if (alignments.some((pair) => isMine(pair) && pair.isClosed)) return undefined;
  return alignments.map((pair) => (isMine(pair) ? { ...pair, isClosed: true } : pair));
}

function moved(
  node: Node,
  index: number,
  {
    run,
    alignments,
    by,
  }: { readonly run: Run; readonly alignments?: readonly Alignment[]; readonly by: Move },
): Node {
  const runs = node.runs.map((other, at) => (at === index ? run : other));
  return { runs, alignments: alignments ?? node.alignments, name: node.name, from: node, by };
}

/** What a filter can do without the name: take a wildcard for a level or for all the rest, or begin as a shared one. */
function* filterMoves(node: Node, index: number, options: SearchOptions): Generator<Node> {
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

function isWhole({ name }: Node, type: ResourceType): boolean {
  if (type === 'none') return true;
  if (type === 'thing') return name === 'begun' || name === 'second';
  return name !== 'empty';
}
