import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/**
 * Sends the head of a reply and then pieces, each of which is asked for when the one before it has left: nothing piles up for a slow
 * client, and the memory of a piece may be used again. A failure after the head ends the connection, so that no client takes a part
 * for the whole.
 */
export function sendPieces(
  reply: FastifyReply,
  { pieces, stalledWriteMs }: { readonly pieces: AsyncIterable<Uint8Array>; readonly stalledWriteMs: number },
): FastifyReply {
  const answer = reply.raw;
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) answer.setHeader(name, value);
  }
  answer.statusCode = reply.statusCode;
  writePieces(answer, { pieces, stalledWriteMs }).catch((cause: Error) => answer.destroy(cause));
  return reply;
}

async function writePieces(
  answer: ServerResponse,
  { pieces, stalledWriteMs }: { readonly pieces: AsyncIterable<Uint8Array>; readonly stalledWriteMs: number },
): Promise<void> {
  const { socket } = answer;
  socket?.setTimeout(0); // a piece that waits for a cap is no fault of the client's
  for await (const piece of pieces) {
    // Node counts a write that the peer takes some of as progress.
    socket?.setTimeout(stalledWriteMs);
    await written(answer, piece);
    socket?.setTimeout(0);
  }
  socket?.setTimeout(stalledWriteMs);
  answer.end();
}

function written(answer: ServerResponse, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(new Error('the client went away'));
    if (answer.destroyed) return leave();
    answer.once('close', leave);
    answer.write(piece, (error) => {
      answer.off('close', leave);
      if (error) reject(error);
      else resolve();
    });
  });
}
