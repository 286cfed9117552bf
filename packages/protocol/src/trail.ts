import { createHash, createPublicKey, verify } from 'node:crypto';
import { canonicalJson, fromBase64, type Sha256, utf8 } from '@fleetward/core';

/** One link of a node's hash chain. The payload is not in it, only its salted hash, so that it can be erased. */
export interface TrailEntry {
  readonly node: string;
  /** 1, 2, 3, … without a gap. */
  readonly seq: number;
  /** Hash of the entry before, or `trailGenesis(node)`. */
  readonly prev: Sha256;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly kind: string;
  /** SHA-256 of salt ‖ payload. */
  readonly payloadHash: Sha256;
}

/** A signed statement that the chain of `node` reached `seq` with `hash`. */
export interface TrailCheckpoint {
  readonly node: string;
  readonly seq: number;
  readonly hash: Sha256;
  readonly at: number;
  /** Base64, Ed25519 over `trailCheckpointMessage`. */
  readonly signature: string;
}

/** A line of an exported trail. */
export type TrailLine =
  | { readonly type: 'entry'; readonly entry: TrailEntry; readonly salt?: string; readonly payload?: string }
  | { readonly type: 'checkpoint'; readonly checkpoint: TrailCheckpoint };

export type TrailVerdict =
  | {
      readonly kind: 'intact';
      readonly node: string;
      readonly entries: number;
      readonly erased: number;
      readonly through: TrailCheckpoint;
    }
  | { readonly kind: 'broken'; readonly seq: number; readonly reason: string };

/** The `prev` of a node's first entry. */
export function trailGenesis(node: string): Sha256 {
  return sha256(utf8(`fleetward-trail:${node}`));
}

export function trailEntryHash(entry: TrailEntry): Sha256 {
  const { node, seq, prev, at, kind, payloadHash } = entry;
  return sha256(utf8(canonicalJson({ node, seq, prev, at, kind, payloadHash })));
}

/** `salt` is hex, `payload` canonical JSON text. */
export function trailPayloadHash(salt: string, payload: string): Sha256 {
  return sha256(Buffer.concat([Buffer.from(salt, 'hex'), utf8(payload)]));
}

/** The bytes a checkpoint key signs; the prefix keeps them apart from anything else that key could be asked to sign. */
export function trailCheckpointMessage(checkpoint: Omit<TrailCheckpoint, 'signature'>): Uint8Array {
  const { node, seq, hash, at } = checkpoint;
  return utf8(`fleetward-trail-checkpoint\n${canonicalJson({ node, seq, hash, at })}`);
}

/**
 * Verifies an exported trail offline: the chain has no gap and no altered link, every payload that is present hashes to
 * its entry, every checkpoint is signed by `publicKey` (SPKI, DER) and agrees with the chain, the last entry is covered by one,
 * and the chain reaches `expected`, a checkpoint the verifier kept from before, when one is given.
 */
export function verifyTrail(
  lines: Iterable<TrailLine>,
  trust: { readonly publicKey: Uint8Array; readonly expected?: TrailCheckpoint },
): TrailVerdict {
  const chain = new TrailChain(trust.publicKey);
  for (const line of lines) {
    const reason = line.type === 'entry' ? chain.entry(line) : chain.checkpoint(line.checkpoint);
    if (reason !== undefined) return { kind: 'broken', seq: chain.seq, reason };
  }
  return chain.end(trust.expected);
}

class TrailChain {
  readonly #publicKey;
  readonly #hashes = new Map<number, Sha256>();
  #node: string | undefined;
  #prev: Sha256 | undefined;
  #erased = 0;
  #covered: TrailCheckpoint | undefined;
  seq = 0;

  constructor(publicKey: Uint8Array) {
    this.#publicKey = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  }

  entry(line: {
    readonly entry: TrailEntry;
    readonly salt?: string;
    readonly payload?: string;
  }): string | undefined {
    const { entry } = line;
    this.#node ??= entry.node;
    if (entry.node !== this.#node)
      return `the entry belongs to node \`${entry.node}\`, not \`${this.#node}\``;
    if (entry.seq !== this.seq + 1)
      return `expected entry ${this.seq + 1}, found ${entry.seq}: entries are missing, doubled or swapped`;
    if (entry.prev !== (this.#prev ?? trailGenesis(entry.node)))
      return `entry ${entry.seq} does not follow from the entry before it`;
    if (line.salt === undefined || line.payload === undefined) this.#erased++;
    else if (trailPayloadHash(line.salt, line.payload) !== entry.payloadHash)
      return `the payload of entry ${entry.seq} was altered`;
    this.seq = entry.seq;
    this.#prev = trailEntryHash(entry);
    this.#hashes.set(entry.seq, this.#prev);
    return undefined;
  }

  checkpoint(checkpoint: TrailCheckpoint): string | undefined {
    const message = trailCheckpointMessage(checkpoint);
    if (!verify(null, message, this.#publicKey, fromBase64(checkpoint.signature))) {
      return `the checkpoint at entry ${checkpoint.seq} is not signed by the platform's checkpoint key`;
    }
    const reason = this.#disagreement(checkpoint);
    if (reason === undefined && checkpoint.seq >= (this.#covered?.seq ?? 0)) this.#covered = checkpoint;
    return reason;
  }

  end(expected: TrailCheckpoint | undefined): TrailVerdict {
    const lost = expected === undefined ? undefined : this.#disagreement(expected);
    if (lost !== undefined)
      return { kind: 'broken', seq: this.seq, reason: `against the checkpoint kept from before: ${lost}` };
    if (this.#covered === undefined || this.#covered.seq !== this.seq || this.#node === undefined) {
      return {
        kind: 'broken',
        seq: this.seq,
        reason: 'no signed checkpoint covers the last entry: the end is cut off or not vouched for',
      };
    }
    return {
      kind: 'intact',
      node: this.#node,
      entries: this.seq,
      erased: this.#erased,
      through: this.#covered,
    };
  }

  #disagreement(checkpoint: TrailCheckpoint): string | undefined {
    if (this.#node !== undefined && checkpoint.node !== this.#node)
      return `the checkpoint belongs to node \`${checkpoint.node}\``;
    const hash = this.#hashes.get(checkpoint.seq);
    if (hash === undefined) return `the checkpoint vouches for entry ${checkpoint.seq}, which is missing`;
    if (hash !== checkpoint.hash)
      return `entry ${checkpoint.seq} is not the one the checkpoint vouches for: the chain was rewritten`;
    return undefined;
  }
}

function sha256(bytes: Uint8Array): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256;
}
