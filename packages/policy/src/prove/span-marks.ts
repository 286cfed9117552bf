import {
  type Alignment,
  isInGroup,
  isInStep,
  isOpen,
  moved,
  type Node,
  type Range,
  type SearchOptions,
  type Span,
  type SpanEnd,
} from './search-node.ts';

/** Begins or ends a span of a variable where a pattern waits for it. */
export function* marks(node: Node, index: number, options: SearchOptions): Generator<Node> {
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
