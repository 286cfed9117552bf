import type { ChunkIndex } from './chunk-index.ts';

/** Where a chunk is already: in which source, from which byte on. */
export interface LocalPlace {
  readonly source: number;
  readonly startByte: number;
}

/** The next bytes of an image: from a source, or from the image itself where the repository has it. */
export type AssemblyStep =
  | ({ readonly kind: 'local'; readonly lengthBytes: number } & LocalPlace)
  | { readonly kind: 'remote'; readonly startByte: number; readonly lengthBytes: number };

export interface PlanOptions {
  /** What is before it is there already. */
  readonly fromByte: number;
  /** Requests at most. */
  readonly rangesMax: number;
  /** Fewer bytes than this between two ranges are fetched with them: a request costs as much. */
  readonly gapBytesMin: number;
}

/** The places of all chunks of some indexes; of the same chunk the first one. */
export function placesOf(sources: readonly ChunkIndex[]): ReadonlyMap<string, LocalPlace> {
  const places = new Map<string, LocalPlace>();
  sources.forEach(({ chunks }, source) => {
    let startByte = 0;
    for (const { sha256, lengthBytes } of chunks) {
      if (!places.has(sha256)) places.set(sha256, { source, startByte });
      startByte += lengthBytes;
    }
  });
  return places;
}

/** How to put an image together: steps in the image's order, as few and long as they can be. */
export function planAssembly(
  want: ChunkIndex,
  have: ReadonlyMap<string, LocalPlace>,
  options: PlanOptions,
): readonly AssemblyStep[] {
  const steps = joined(stepsOf(want, have, options.fromByte));
  const gaps = gapsOf(steps).sort((a, b) => lengthOf(a) - lengthOf(b));
  const small = gaps.filter((gap) => lengthOf(gap) < options.gapBytesMin).length;
  const ranges = steps.filter(({ kind }) => kind === 'remote').length;
  const filled = new Set(gaps.slice(0, Math.max(small, ranges - options.rangesMax)).flat());
  let startByte = options.fromByte;
  const fewer = steps.map((step): AssemblyStep => {
    const at = startByte;
    startByte += step.lengthBytes;
    return filled.has(step) ? { kind: 'remote', startByte: at, lengthBytes: step.lengthBytes } : step;
  });
  return joined(fewer);
}

export function remoteBytes(steps: readonly AssemblyStep[]): number {
  return lengthOf(steps.filter(({ kind }) => kind === 'remote'));
}

/** A step for each chunk, or the part of it that is wanted. */
function* stepsOf(
  { chunks }: ChunkIndex,
  have: ReadonlyMap<string, LocalPlace>,
  fromByte: number,
): Generator<AssemblyStep> {
  let chunkStart = 0;
  for (const { sha256, lengthBytes } of chunks) {
    const startByte = Math.max(chunkStart, fromByte);
    const skipped = startByte - chunkStart;
    const left = lengthBytes - skipped;
    chunkStart += lengthBytes;
    if (left <= 0) continue;
    const place = have.get(sha256);
    yield place === undefined
      ? { kind: 'remote', startByte, lengthBytes: left }
      : { kind: 'local', source: place.source, startByte: place.startByte + skipped, lengthBytes: left };
  }
}

/** Steps that go on where the one before ends are one. */
function joined(steps: Iterable<AssemblyStep>): readonly AssemblyStep[] {
  const result: AssemblyStep[] = [];
  for (const step of steps) {
    const last = result.at(-1);
    if (last !== undefined && follows(last, step))
      result[result.length - 1] = { ...last, lengthBytes: last.lengthBytes + step.lengthBytes };
    else result.push(step);
  }
  return result;
}

function follows(last: AssemblyStep, step: AssemblyStep): boolean {
  if (last.startByte + last.lengthBytes !== step.startByte) return false;
  if (last.kind === 'remote') return step.kind === 'remote';
  return step.kind === 'local' && step.source === last.source;
}

/** What is local between two ranges; filled, it makes one range of them. */
function gapsOf(steps: readonly AssemblyStep[]): AssemblyStep[][] {
  const gaps: AssemblyStep[][] = [];
  let open: AssemblyStep[] | undefined;
  for (const step of steps) {
    if (step.kind === 'local') {
      open?.push(step);
      continue;
    }
    if (open !== undefined && open.length > 0) gaps.push(open);
    open = [];
  }
  return gaps;
}

function lengthOf(steps: readonly AssemblyStep[]): number {
  return steps.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}
