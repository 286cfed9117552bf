import { isAppError, parseSha256, type Sha256, type ThingName } from '@fleetward/core';
import type { Denials } from '../denials/index.ts';
import type { Downloads, PublishedRelease, ReleaseService } from '../releases/index.ts';
import { blocksOf, type GetRequest, StreamRefusal } from './request.ts';

export interface StreamsParts {
  readonly releases: Pick<ReleaseService, 'releases'>;
  readonly downloads: Pick<Downloads, 'check' | 'read'>;
  readonly denials: Pick<Denials, 'record'>;
}

/** Who asks, and for which stream: the SHA-256 of the artifact of a release, in base64url or in hex digits. */
export interface StreamPeer {
  readonly thingName: ThingName;
  readonly streamId: string;
  readonly denied: Omit<Parameters<Denials['record']>[0], 'cause' | 'explanation'>;
}

export interface Block {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** A stream of ours has one version and one file: bytes that are named by their hash never change. */
export const streamVersion = 1;
export const streamFileId = 0;
/** How long the blocks of one request may wait for the caps on downloads. */
const readMsMax = 60_000;

/** Releases block by block, for devices that download over MQTT; who may have which is decided as for every other download. */
export class Streams {
  readonly #parts: StreamsParts;

  constructor(parts: StreamsParts) {
    this.#parts = parts;
  }

  /** Throws `StreamRefusal`. */
  describe(peer: StreamPeer): PublishedRelease {
    return this.#releaseFor(peer);
  }

  /** The blocks that one request brings: some of those that it names, where they are more. Throws `StreamRefusal`. */
  async get(peer: StreamPeer, request: GetRequest): Promise<readonly Block[]> {
    const release = this.#releaseFor(peer);
    const { version = streamVersion, fileId, blockBytes, offset } = request;
    if (version !== streamVersion)
      throw new StreamRefusal('VersionMismatch', `the version is ${streamVersion}`);
    if (fileId !== streamFileId) throw new StreamRefusal('ResourceNotFound', `there is no file ${fileId}`);
    const count = Math.ceil(release.lengthBytes / blockBytes);
    if (offset >= count)
      throw new StreamRefusal('OffsetOutOfBounds', `the file has ${count} blocks of this size`);
    const blocks: Block[] = [];
    for (const number of blocksOf(request, count)) {
      const start = number * blockBytes;
      const end = Math.min(release.lengthBytes, start + blockBytes) - 1;
      blocks.push({ number, bytes: await this.#read(peer, { release, start, end }) });
    }
    return blocks;
  }

  #releaseFor(peer: StreamPeer): PublishedRelease {
    const release = this.#parts.releases.releases().find(({ sha256 }) => sha256 === hashOf(peer.streamId));
    if (release === undefined) throw new StreamRefusal('ResourceNotFound', 'there is no such stream');
    try {
      this.#parts.downloads.check({ thingName: peer.thingName }, release);
    } catch (error) {
      throw this.#refusalOf(error, peer);
    }
    return release;
  }

  async #read(
    peer: StreamPeer,
    {
      release,
      start,
      end,
    }: { readonly release: PublishedRelease; readonly start: number; readonly end: number },
  ): Promise<Uint8Array> {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(readMsMax)]);
    const cut = (cause: Error) => ended.abort(cause);
    const pieces: Uint8Array[] = [];
    try {
      const reading = { target: release, range: { start, end }, signal, cut };
      for await (const piece of this.#parts.downloads.read({ thingName: peer.thingName }, reading)) {
        signal.throwIfAborted();
        // The piece is the reader's again when the next one is asked for.
        pieces.push(Buffer.from(piece));
      }
    } catch (error) {
      if (signal.aborted) throw new StreamRefusal('RequestThrottled', 'it took too long: ask again later');
      throw this.#refusalOf(error, peer);
    }
    return Buffer.concat(pieces);
  }

  /** A stranger to the campaign is not told that there is such a stream; its operator is. */
  #refusalOf(error: unknown, { denied }: StreamPeer): unknown {
    if (!isAppError(error)) return error;
    if (error.code === 'releases.too_many_downloads')
      return new StreamRefusal('RequestThrottled', error.message);
    if (error.code !== 'releases.not_offered') return error;
    this.#parts.denials.record({
      ...denied,
      cause: 'request_denied',
      explanation: `streams: ${error.message}`,
    });
    return new StreamRefusal('ResourceNotFound', 'there is no such stream');
  }
}

/** AWS's library for embedded C keeps names of at most 43 characters: hex digits do not fit, base64url does. */
export function streamIdOf(sha256: Sha256): string {
  return Buffer.from(sha256, 'hex').toString('base64url');
}

function hashOf(streamId: string): Sha256 | undefined {
  const hex = streamId.length === 43 ? Buffer.from(streamId, 'base64url').toString('hex') : streamId;
  const sha256 = /^[0-9a-f]{64}$/.test(hex) ? parseSha256(hex) : undefined;
  // One name alone in base64url, too: the last character has bits to spare.
  return sha256 !== undefined && (hex === streamId || streamIdOf(sha256) === streamId) ? sha256 : undefined;
}
