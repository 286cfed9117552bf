import { concatBytes } from '@fleetward/core';
import type { ClientReply } from './workflow.ts';

/** What a fetch came to. A stream may still fail while it is read: it then throws. */
export type FetchResult =
  /** `fromByte` is where it begins: at 0, unless what was asked for was granted. */
  | { readonly kind: 'stream'; readonly chunks: AsyncIterable<Uint8Array>; readonly fromByte?: number }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreachable'; readonly explanation: string };

/** How a client reaches its repository. */
export interface Fetcher {
  /**
   * Fetches a URL path relative to the repository, such as `metadata/timestamp.json`. `absent` is for "there is no such
   * file" (404) alone. Deadlines are the caller's, by `signal`. `fromByte` asks for the rest of a file, up to and with
   * `toByte` where that is given; a repository that cannot do so sends more, or all of it.
   */
  fetch(
    path: string,
    options: {
      readonly bytesMax: number;
      readonly fromByte?: number;
      readonly toByte?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<FetchResult>;
}

/** Fetches a file whole, and stops reading as soon as it has more than `bytesMax` bytes. */
export async function fetchWhole(
  fetcher: Fetcher,
  { path, bytesMax, signal }: { path: string; bytesMax: number; signal: AbortSignal | undefined },
): Promise<ClientReply> {
  try {
    const result = await fetcher.fetch(path, { bytesMax, ...(signal && { signal }) });
    return result.kind === 'stream' ? await collect(result.chunks, bytesMax) : result;
  } catch (error) {
    signal?.throwIfAborted();
    return unreachable(error);
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>, bytesMax: number): Promise<ClientReply> {
  const kept: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > bytesMax) return { kind: 'too-long' };
    kept.push(chunk);
  }
  return { kind: 'bytes', bytes: concatBytes(kept) };
}

/** A transport fails in its own ways; to the client all of them are one. */
export function unreachable(error: unknown): { readonly kind: 'unreachable'; readonly explanation: string } {
  return { kind: 'unreachable', explanation: error instanceof Error ? error.message : String(error) };
}
