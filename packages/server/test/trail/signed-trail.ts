import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  formatTrailLine,
  type TrailCheckpoint,
  type TrailEntry,
  type TrailLine,
  trailCheckpointMessage,
  trailEntryHash,
  trailGenesis,
  trailPayloadHash,
} from '@fleetward/protocol';

export interface CheckpointKey {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
}

export function checkpointKey(): CheckpointKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: publicKey.export({ type: 'spki', format: 'der' }) };
}

/** A trail as a platform exports it; `checkpointsAfter` says after which entries a checkpoint stands. */
export function signedTrail(
  key: CheckpointKey,
  shape: {
    readonly payloads: readonly string[];
    readonly checkpointsAfter: readonly number[];
    readonly node?: string;
  },
): readonly TrailLine[] {
  const { payloads, checkpointsAfter, node = 'node-1' } = shape;
  const lines: TrailLine[] = [];
  let prev = trailGenesis(node);
  for (const [index, payload] of payloads.entries()) {
    const salt = index.toString(16).padStart(32, '0');
    const payloadHash = trailPayloadHash(salt, payload);
    const entry: TrailEntry = {
      node,
      seq: index + 1,
      prev,
      at: 1_000 + index,
      kind: 'thing.created',
      payloadHash,
    };
    lines.push({ type: 'entry', entry, salt, payload });
    prev = trailEntryHash(entry);
    if (checkpointsAfter.includes(entry.seq))
      lines.push({ type: 'checkpoint', checkpoint: signedCheckpoint(key, entry) });
  }
  return lines;
}

export function signedCheckpoint(key: CheckpointKey, entry: TrailEntry): TrailCheckpoint {
  const statement = { node: entry.node, seq: entry.seq, hash: trailEntryHash(entry), at: 9_000 };
  const signature = sign(null, trailCheckpointMessage(statement), key.privateKey).toString('base64');
  return { ...statement, signature };
}

/** The bytes of the export. */
export function exported(lines: readonly TrailLine[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${formatTrailLine(line)}\n`).join(''));
}
