import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  type AddressInfo,
  connect as connectPlain,
  createServer as createPlainServer,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readSocket } from '../src/broker/read-socket.ts';
import { throwAwayCertificate } from './throw-away-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleetward-read-socket-'));
const { key, cert } = throwAwayCertificate(folder);
afterAll(() => rmSync(folder, { recursive: true }));

interface Ends {
  readonly client: Socket;
  readonly served: Socket;
}

const kinds = [
  { kind: 'TLS', open: openTls },
  { kind: 'plain TCP', open: openPlain },
];

describe.each(kinds)('a socket of a $kind server', ({ open }) => {
  test('is read into the shared buffer by the Node that is pinned', async () => {
    await using ends = await opened(open);
    readSocket(ends.served, () => undefined);
    expect(ends.served.listenerCount('data')).toBe(0);
  });

  test('gives all bytes, in order and never written over, whatever the writes and the pauses', async () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 150_000 }), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(pieces, fc.array(fc.boolean(), { minLength: 1 }), async (writes, pauses) => {
        await using ends = await opened(open);
        const chunks: Buffer[] = [];
        readSocket(ends.served, (chunk) => {
          chunks.push(chunk);
          if (!pauses[chunks.length % pauses.length]) return;
          ends.served.pause();
          setTimeout(() => ends.served.resume(), 1);
        });
        const end = once(ends.served, 'end');
        for (const bytes of writes) ends.client.write(bytes);
        ends.client.end();
        await end;
        expect(Buffer.concat(chunks).equals(Buffer.concat(writes))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('gives nothing while it is paused', async () => {
    await using ends = await opened(open);
    let received = 0;
    readSocket(ends.served, (chunk) => {
      received += chunk.length;
    });
    ends.served.pause();
    ends.client.write('early');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(received).toBe(0);
    ends.served.resume();
    await expect.poll(() => received).toBe(5);
  });

  test('that holds bytes already loses none of them', async () => {
    await using ends = await opened(open);
    ends.client.write('before');
    ends.served.read(0);
    await expect.poll(() => ends.served.readableLength).toBe(6);
    const chunks: Buffer[] = [];
    readSocket(ends.served, (chunk) => void chunks.push(chunk));
    ends.client.write(' after');
    await expect.poll(() => Buffer.concat(chunks).toString()).toBe('before after');
  });
});

test('two sockets that share the buffer do not see the bytes of each other', async () => {
  await using one = await opened(openTls);
  await using other = await opened(openTls);
  const chunks: [Buffer[], Buffer[]] = [[], []];
  readSocket(one.served, (chunk) => void chunks[0].push(chunk));
  readSocket(other.served, (chunk) => void chunks[1].push(chunk));
  for (let round = 0; round < 50; round++) {
    one.client.write(Buffer.alloc(1_000, 'a'));
    other.client.write(Buffer.alloc(1_000, 'b'));
  }
  const lengths = () => chunks.map((list) => Buffer.concat(list).length);
  await expect.poll(lengths).toEqual([50_000, 50_000]);
  expect(chunks.map((list) => [...new Set(Buffer.concat(list).toString())])).toEqual([['a'], ['b']]);
});

test('a stream that is no socket is listened to', async () => {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  readSocket(stream, (chunk) => void chunks.push(chunk));
  stream.end('bytes');
  await once(stream, 'end');
  expect(Buffer.concat(chunks).toString()).toBe('bytes');
});

async function opened(open: () => Promise<Ends & { close(): void }>): Promise<Ends & AsyncDisposable> {
  const ends = await open();
  return {
    ...ends,
    async [Symbol.asyncDispose]() {
      ends.client.destroy();
      ends.served.destroy();
      ends.close();
    },
  };
}

async function openTls() {
  const server = createTlsServer({ key, cert }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ca: cert });
  const [served] = (await once(server, 'secureConnection')) as [Socket];
  return { client, served, close: () => server.close() };
}

async function openPlain() {
  const server = createPlainServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectPlain({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const [served] = (await once(server, 'connection')) as [Socket];
  return { client, served, close: () => server.close() };
}
