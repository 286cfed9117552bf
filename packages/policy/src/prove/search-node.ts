import type { ResourceType } from '../actions.ts';
import type { StateBudget } from '../language/budget.ts';
import type { Machine } from '../language/machine.ts';
import type { Symbols } from '../language/symbols.ts';
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
export interface Span {
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

export interface Run {
  readonly state: number;
  readonly mode: Mode;
  readonly spans: readonly Span[];
}

/** Two spans that began at the same place and must not end at the same one: their values differ. */
export interface Alignment {
  readonly left: SpanEnd;
  readonly right: SpanEnd;
  readonly isClosed: boolean;
}

export interface SpanEnd {
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

/** Whether the filter reads the same characters as the name. */
export function isInStep(mode: Mode): boolean {
  return mode === 'first' || mode === 'shared' || mode === 'levelStart' || mode === 'within';
}

/** Whether the filter reads the name of a shared subscription's group. */
export function isInGroup(mode: Mode): boolean {
  return mode === 'groupStart' || mode === 'group';
}

export function isOpen({ spans }: Run, variable: string): boolean {
  return spans.some((span) => span.variable === variable);
}

export function moved(
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

export interface Place {
  readonly index: number;
  readonly options: SearchOptions;
  readonly traits: number;
}

/** One character further in the machine and in the open spans; nothing when a span may not contain it. */
export function advance(
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
