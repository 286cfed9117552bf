import { targetFilePath } from '../metadata/target-path.ts';
import { createTargetVerifier, type TargetVerifier } from '../target-verifier.ts';
import { assembleTarget, type LocalImage } from './assemble.ts';
import { type Fetcher, unreachable } from './fetcher.ts';
import { type Refusal, refuse, type Unreachable } from './outcome.ts';
import { patchTarget } from './patch-target.ts';
import type { Target } from './target.ts';

/** Takes a target's bytes in order. What it holds is whole and verified only once the download says so. */
export interface TargetSink {
  write(chunk: Uint8Array): Promise<void>;
}

/** What an earlier download of the same target left with whoever owns the sink. */
export interface KeptPart {
  /** Less than the target's length. */
  readonly lengthBytes: number;
  /** Its bytes again: they are verified together with the rest. */
  read(): Iterable<Uint8Array>;
  /** The repository sends all of it again: the sink begins anew. */
  discard(): void;
}

export type DownloadOutcome = { readonly kind: 'downloaded'; readonly bytes: number } | Refusal | Unreachable;

interface Transfer {
  readonly target: Target;
  readonly sink: TargetSink;
  readonly fetcher: Fetcher;
  readonly signal: AbortSignal | undefined;
  readonly kept: KeptPart | undefined;
  readonly local: readonly LocalImage[];
  /** What a patch may take of the memory. */
  readonly memoryBytes: number;
}

/** TUF 5.7.3: fetches a target, never more than its length, and checks it before its end is passed on. */
export async function downloadTarget(transfer: Transfer): Promise<DownloadOutcome> {
  const { target, kept } = transfer;
  const path = targetFilePath(target);
  const result = await request(path, transfer);
  if (result.kind === 'unreachable') return { ...result, path };
  if (result.kind === 'absent') {
    const explanation = `the repository has no \`${path}\``;
    return refuse('5.7.3', { subject: target.path, reason: 'missing', explanation });
  }
  const isRest = kept !== undefined && result.fromByte === kept.lengthBytes;
  if (!isRest) kept?.discard();
  return receive(result.chunks, { ...transfer, kept: isRest ? kept : undefined });
}

/** In the order of what is fetched: a patch, the chunks that are missing, all of it. */
async function request(path: string, transfer: Transfer) {
  const { target, fetcher, signal, kept } = transfer;
  const fromByte = kept && { fromByte: kept.lengthBytes };
  try {
    const assembly = { ...transfer, fromByte: kept?.lengthBytes ?? 0 };
    const assembled = (await patchTarget(assembly)) ?? (await assembleTarget(assembly));
    if (assembled !== undefined) return assembled;
    return await fetcher.fetch(path, { bytesMax: target.length, ...fromByte, ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    return unreachable(error);
  }
}

async function receive(
  chunks: AsyncIterable<Uint8Array>,
  { target, sink, signal, kept }: Omit<Transfer, 'local' | 'memoryBytes'>,
): Promise<DownloadOutcome> {
  const verifier = createTargetVerifier(target);
  for (const chunk of kept?.read() ?? []) verifier.skip(chunk);
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = await nextChunk(iterator, signal);
      if (next.kind === 'unreachable') return { ...next, path: targetFilePath(target) };
      if (next.kind === 'end') return await finish(verifier, { target, sink });
      const pushed = verifier.push(next.chunk);
      if (pushed.kind === 'refused') return refuse('5.7.3', { subject: target.path, ...withoutKind(pushed) });
      for (const bytes of pushed.bytes) await sink.write(bytes);
    }
  } finally {
    await iterator.return?.();
  }
}

/** Only the transport's failures are caught here; a sink's go to the caller. */
async function nextChunk(iterator: AsyncIterator<Uint8Array>, signal: AbortSignal | undefined) {
  try {
    const { done, value } = await iterator.next();
    return done ? { kind: 'end' as const } : { kind: 'chunk' as const, chunk: value };
  } catch (error) {
    signal?.throwIfAborted();
    return unreachable(error);
  }
}

async function finish(
  verifier: TargetVerifier,
  { target, sink }: { readonly target: Target; readonly sink: TargetSink },
): Promise<DownloadOutcome> {
  const verdict = verifier.end();
  if (verdict.kind === 'refused') return refuse('5.7.3', { subject: target.path, ...withoutKind(verdict) });
  if (verdict.bytes.length > 0) await sink.write(verdict.bytes);
  return { kind: 'downloaded', bytes: target.length };
}

function withoutKind<Value extends { readonly kind: string }>({
  kind: _,
  ...rest
}: Value): Omit<Value, 'kind'> {
  return rest;
}
