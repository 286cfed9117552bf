import { createHash } from 'node:crypto';
import { canonicalJson, type Sha256, utf8 } from '@fleetward/core';

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

/** An entry's payload has at most this many bytes of UTF-8. */
export const trailPayloadBytesMax = 65_536;

/** A line of an exported trail; a checkpoint directly follows the entry it vouches for. */
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

function sha256(bytes: Uint8Array): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256;
}
