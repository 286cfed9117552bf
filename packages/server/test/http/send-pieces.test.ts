import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fastify } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { sendPieces } from '../../src/http/send-pieces.ts';

let server: Server;

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Answers with these pieces; what makes no progress is cut after 50 ms. */
async function answerOf(pieces: () => AsyncIterable<Uint8Array>): Promise<IncomingMessage> {
  const app = fastify({
    serverFactory: (handler) => {
      server = createServer(handler);
      return server;
    },
  });
  app.get('/', (_, reply) => sendPieces(reply, { pieces: pieces(), stalledWriteMs: 50 }));
  await app.ready();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [answer] = await once(get({ host: '127.0.0.1', port, agent: false }), 'response');
  return answer as IncomingMessage;
}

test('a piece that waits for its turn is no stall: the client gets all of it', async () => {
  const answer = await answerOf(async function* () {
    yield Buffer.from('one ');
    await pause(300);
    yield Buffer.from('two');
  });
  expect(Buffer.concat(await answer.toArray()).toString()).toBe('one two');
});

test('a client that takes nothing is cut, and its pieces are not asked for any more', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const answer = await answerOf(async function* () {
    try {
      for (;;) yield Buffer.alloc(1_000_000);
    } finally {
      resolve();
    }
  });
  answer.pause();
  await promise;
  answer.on('error', () => undefined).destroy();
});
