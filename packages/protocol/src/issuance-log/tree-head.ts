import { createPublicKey, verify } from 'node:crypto';
import { fromBase64, fromHex, InvalidInputError, type Sha256 } from '@fleetward/core';

/** A signed statement that the log had `size` entries whose tree has this root (RFC 9162 §4.10). */
export interface TreeHead {
  readonly size: number;
  readonly rootHash: Sha256;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Base64, Ed25519 over `treeHeadMessage`. */
  readonly signature: string;
}

const timeBytes = 8;
const sizeBytes = 8;
const hashBytes = 32;
const lengthByte = 1;
const extensionLengthBytes = 2;

const messageBytes = timeBytes + sizeBytes + lengthByte + hashBytes + extensionLengthBytes;

/** The bytes that are signed: a TreeHeadDataV2 without extensions (RFC 9162 §4.9). */
export function treeHeadMessage({ size, rootHash, at }: Omit<TreeHead, 'signature'>): Uint8Array {
  const message = new Uint8Array(messageBytes);
  const view = new DataView(message.buffer);
  view.setBigUint64(0, BigInt(at));
  view.setBigUint64(timeBytes, BigInt(size));
  view.setUint8(timeBytes + sizeBytes, hashBytes);
  message.set(fromHex(rootHash), timeBytes + sizeBytes + lengthByte);
  return message;
}

/** Whether the key (SPKI, DER) signed the head; a signature that is no base64 is nobody's. */
export function isTreeHeadSigned(head: TreeHead, publicKey: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  const signature = signatureOf(head);
  return signature !== undefined && verify(null, treeHeadMessage(head), key, signature);
}

function signatureOf({ signature }: TreeHead): Uint8Array | undefined {
  try {
    return fromBase64(signature);
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined;
    throw error;
  }
}
