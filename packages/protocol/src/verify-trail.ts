import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fromBase64, InvalidInputError, type Sha256 } from '@fleetward/core';
import {
  type TrailCheckpoint,
  type TrailEntry,
  type TrailLine,
  type TrailVerdict,
  trailCheckpointMessage,
  trailEntryHash,
  trailGenesis,
  trailPayloadHash,
} from './trail.ts';
import { assertTrailCheckpoint, assertTrailLine, parseTrailLine, trailLineBytesMax } from './trail-line.ts';

/** What a verifier trusts. */
export interface TrailTrust {
  /** The Ed25519 key of the checkpoints: SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** A checkpoint kept from before: the trail must still contain what it vouches for. */
  readonly expected?: TrailCheckpoint;
}

/**
 * Verifies a trail offline: the chain has no gap and no altered link, every payload that is present hashes to its entry, every
 * checkpoint is signed and agrees with the entry before it, and one of them covers the last entry. A malformed line is a
 * `broken` verdict; only trust that is itself malformed throws (`InvalidInputError`).
 */
export function verifyTrail(lines: Iterable<TrailLine>, trust: TrailTrust): TrailVerdict {
  const chain = new TrailChain(trust);
  for (const line of lines) {
    const reason = reasonOf(() => {
      assertTrailLine(line);
      return chain.take(line);
    });
    if (reason !== undefined) return broken(chain, reason);
  }
  return chain.end();
}

/**
 * Verifies the bytes of an export as they come, in constant memory. Each line must be canonical and end with one line feed, so
 * that every byte is vouched for.
 */
export async function verifyTrailExport(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  trust: TrailTrust,
): Promise<TrailVerdict> {
  const chain = new TrailChain(trust);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(lineFeed); end >= 0; end = rest.indexOf(lineFeed)) {
      const line = rest.subarray(0, end);
      rest = rest.subarray(end + 1);
      const reason = reasonOf(() => chain.take(parseTrailLine(decode(line))));
      if (reason !== undefined) return broken(chain, reason);
    }
    if (rest.length > trailLineBytesMax)
      return broken(chain, `a line has more than ${trailLineBytesMax} bytes`);
  }
  if (rest.length > 0) return broken(chain, 'the last line is cut off');
  return chain.end();
}

const lineFeed = 0x0a;

/** Holds the end of the chain, and no more of it. */
class TrailChain {
  readonly #publicKey: KeyObject;
  readonly #expected: TrailCheckpoint | undefined;
  #tail: { readonly entry: TrailEntry; readonly hash: Sha256 } | undefined;
  #erased = 0;
  #covered: TrailCheckpoint | undefined;
  #expectedSeen = false;

  constructor(trust: TrailTrust) {
    this.#publicKey = checkpointKey(trust.publicKey);
    if (trust.expected !== undefined) assertTrailCheckpoint(trust.expected);
    this.#expected = trust.expected;
  }

  get seq(): number {
    return this.#tail?.entry.seq ?? 0;
  }

  /** The reason why the chain is broken by `line`, if it is. */
  take(line: TrailLine): string | undefined {
    return line.type === 'entry' ? this.#takeEntry(line) : this.#takeCheckpoint(line.checkpoint);
  }

  end(): TrailVerdict {
    if (this.#tail === undefined || this.#covered?.seq !== this.seq) {
      return broken(
        this,
        'no signed checkpoint covers the last entry: the end is cut off or not vouched for',
      );
    }
    if (this.#expected !== undefined && !this.#expectedSeen) {
      return broken(this, `the checkpoint kept from before vouches for an entry that is missing`);
    }
    return {
      kind: 'intact',
      node: this.#tail.entry.node,
      entries: this.seq,
      erased: this.#erased,
      through: this.#covered,
    };
  }

  #takeEntry(line: TrailLine & { type: 'entry' }): string | undefined {
    const { entry } = line;
    const reason = this.#linkFault(entry) ?? payloadFault(line);
    if (reason !== undefined) return reason;
    if (line.payload === undefined) this.#erased++;
    this.#tail = { entry, hash: trailEntryHash(entry) };
    return this.#compareWithExpected();
  }

  #linkFault(entry: TrailEntry): string | undefined {
    const node = this.#tail?.entry.node ?? entry.node;
    if (entry.node !== node) return `the entry belongs to node \`${entry.node}\`, not \`${node}\``;
    if (entry.seq !== this.seq + 1)
      return `expected entry ${this.seq + 1}, found ${entry.seq}: entries are missing, doubled or swapped`;
    if (entry.prev !== (this.#tail?.hash ?? trailGenesis(node)))
      return `entry ${entry.seq} does not follow from the entry before it`;
    return undefined;
  }

  #takeCheckpoint(checkpoint: TrailCheckpoint): string | undefined {
    const reason = this.#checkpointFault(checkpoint);
    if (reason === undefined) this.#covered = checkpoint;
    return reason;
  }

  #compareWithExpected(): string | undefined {
    const expected = this.#expected;
    if (expected === undefined || this.#expectedSeen) return undefined;
    if (expected.seq !== this.seq) return undefined;
    this.#expectedSeen = true;
    const reason = this.#checkpointFault(expected);
    return reason === undefined ? undefined : `against the checkpoint kept from before: ${reason}`;
  }

  #checkpointFault(checkpoint: TrailCheckpoint): string | undefined {
    if (!verify(null, trailCheckpointMessage(checkpoint), this.#publicKey, fromBase64(checkpoint.signature)))
      return `the checkpoint at entry ${checkpoint.seq} is not signed by the platform's checkpoint key`;
    const tail = this.#tail;
    if (tail === undefined || checkpoint.seq !== tail.entry.seq)
      return `the checkpoint vouches for entry ${checkpoint.seq} but follows entry ${this.seq}: lines are missing or swapped`;
    if (checkpoint.node !== tail.entry.node)
      return `the checkpoint belongs to node \`${checkpoint.node}\`, not \`${tail.entry.node}\``;
    if (checkpoint.hash !== tail.hash)
      return `entry ${checkpoint.seq} is not the one the checkpoint vouches for: the chain was rewritten`;
    return undefined;
  }
}

function payloadFault(line: TrailLine & { type: 'entry' }): string | undefined {
  if (line.salt === undefined || line.payload === undefined) return undefined;
  if (trailPayloadHash(line.salt, line.payload) === line.entry.payloadHash) return undefined;
  return `the payload of entry ${line.entry.seq} was altered`;
}

function checkpointKey(publicKey: Uint8Array): KeyObject {
  const key = importKey(publicKey);
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new InvalidInputError('core.invalid_bytes', 'the checkpoint key is not an Ed25519 public key in DER');
}

function importKey(publicKey: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

function reasonOf(step: () => string | undefined): string | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof InvalidInputError) return error.message;
    throw error;
  }
}

function decode(line: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line);
  } catch (cause) {
    throw new InvalidInputError('core.invalid_json', 'not a line of a trail: it is not valid UTF-8', {
      cause,
    });
  }
}

function broken(chain: TrailChain, reason: string): TrailVerdict {
  return { kind: 'broken', seq: chain.seq, reason };
}
