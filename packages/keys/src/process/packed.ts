import { concatBytes } from '@fleetward/core';
import { malformed } from './fields.ts';

/** Pieces of one body: what is signed together waits for no other request, so that their number is small. */
export const piecesMax = 512;

const lengthBytes = 4;

/** `length (u32, big-endian) ‖ piece`, one after the other. */
export function packPieces(pieces: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    pieces.flatMap((piece) => {
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt32BE(piece.length);
      return [length, piece];
    }),
  );
}

/** Throws `keys.protocol` for a body that is not made of whole pieces, or of too many. */
export function unpackPieces(body: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    if (pieces.length >= piecesMax || at + lengthBytes > body.length)
      throw malformed('pieces that do not fit');
    const end = at + lengthBytes + view.getUint32(at);
    if (end > body.length) throw malformed('pieces that do not fit');
    pieces.push(body.subarray(at + lengthBytes, end));
    at = end;
  }
  return pieces;
}
