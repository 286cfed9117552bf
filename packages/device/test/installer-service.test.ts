import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { FakeClock, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import {
  createMemoryStore,
  createUpdateClient,
  type Fetcher,
  installRoot,
  type Release,
} from '@fleetward/updates';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fuzz, seeds } from '../fuzz/installer-socket.fuzz.ts';
import { nodeFiles } from '../src/files/node-files.ts';
import type { AskOptions, InstallerAnswer, InstallerVerb } from '../src/installer/installer.ts';
import { socketInstaller } from '../src/installer/socket.ts';
import { agentPeer } from '../src/installer-service/agent-peer.ts';
import { readServiceNotes } from '../src/installer-service/notes.ts';
import { assertProtected } from '../src/installer-service/protected-file.ts';
import { runStep } from '../src/installer-service/run-step.ts';
import { TestRepository } from './test-repository.ts';

const bytes = Buffer.from('a bundle for the installer '.repeat(9_000));
const done: InstallerAnswer = { kind: 'done', output: new Uint8Array() };

let folder: TemporaryFolder;
let clock: FakeClock;
let repository: TestRepository;
let server: Server;
/** What the service's own installer was asked, and found in the file that it got. */
let asked: { readonly verb: InstallerVerb; readonly found: Buffer | undefined }[];
let installs: (verb: InstallerVerb, options: AskOptions) => Promise<InstallerAnswer>;

beforeEach(async () => {
  folder = temporaryFolder();
  clock = new FakeClock();
  repository = await TestRepository.create(clock);
  asked = [];
  installs = async () => done;
  mkdirSync(folder.join('service'));
  const store = createMemoryStore();
  await installRoot(store, repository.root);
  server = createServer({ allowHalfOpen: true }, (socket) => void serve(socket, store));
  await new Promise<void>((resolve) => server.listen(folder.join('socket'), resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  folder.remove();
});

async function serve(socket: Socket, store: ReturnType<typeof createMemoryStore>): Promise<void> {
  const stop = new AbortController();
  socket.on('error', () => undefined).on('close', () => stop.abort());
  const peer = agentPeer(socket);
  const parts = {
    client: createUpdateClient({ store, fetcher: peer.fetcher, clock }),
    installer: {
      ask: async (verb: InstallerVerb, options: AskOptions) => {
        const path = options.image?.path;
        asked.push({ verb, found: path && existsSync(path) ? readFileSync(path) : undefined });
        return installs(verb, options);
      },
    },
    files: nodeFiles,
    folder: folder.join('service'),
    model: { product: 'lamp', hardware: 'lamp-r1' },
    reserveBytes: 1000,
    stop: stop.signal,
  };
  try {
    await peer.answer(
      await peer
        .step()
        .then((step) => runStep(step, parts))
        .catch(failure),
    );
  } catch {
    socket.destroy(); // the agent has gone
  }
  socket.end();
}

const failure = (error: Error): InstallerAnswer => ({ kind: 'failed', explanation: error.message });

/** Releases the bytes, and has them as the agent has: a file, and what its own metadata said of it. */
async function released(
  version: string,
  { content = bytes, ...more }: Partial<Release> & { readonly content?: Uint8Array } = {},
) {
  const path = await repository.release(content, { version, ...more });
  writeFileSync(folder.join('image'), content);
  const sha256 = /([0-9a-f]{64})/.exec(path)![1]!;
  return { version, sha256, lengthBytes: content.length, path: folder.join('image') };
}

function agent({
  fetcher = repository.fetcher,
  withinMs = 20_000,
}: {
  fetcher?: Fetcher;
  withinMs?: number;
} = {}) {
  const settings = { socket: folder.join('socket'), installWithinMs: withinMs, stepWithinMs: withinMs };
  return socketInstaller(settings, fetcher);
}

describe('the installer service', () => {
  test('installs what it verified by itself, from a file that the agent cannot reach, and keeps nothing of it', async () => {
    const image = await released('1.1.0');
    for (const verb of ['install', 'switch', 'confirm'] as const)
      expect(await agent().ask(verb, { image })).toEqual({ kind: 'done', output: Buffer.alloc(0) });
    expect(asked).toEqual([
      { verb: 'install', found: bytes },
      { verb: 'switch', found: undefined },
      { verb: 'confirm', found: undefined },
    ]);
    expect(existsSync(folder.join('service/image'))).toBe(false);
  });

  test('passes on what its installer says, with and without an image', async () => {
    installs = async () => ({ kind: 'done', output: Buffer.from('{"running":"1.0.0"}') });
    const answer = await agent().ask('status', {});
    expect(answer).toMatchObject({ kind: 'done' });
    expect(String(answer.kind === 'done' && Buffer.from(answer.output))).toBe('{"running":"1.0.0"}');
    installs = async () => ({ kind: 'failed', explanation: 'no such partition' });
    const image = await released('1.1.0');
    expect(await agent().ask('install', { image })).toEqual({
      kind: 'failed',
      explanation: 'no such partition',
    });
  });
});

describe('an agent in other hands, at the installer service,', () => {
  test('gets no bytes installed that are not those of a release, whatever it calls them', async () => {
    const image = await released('1.1.0');
    const other = Buffer.from(bytes).fill('x', 5, 6);
    writeFileSync(image.path, other);
    expect(await agent().ask('install', { image })).toMatchObject({
      kind: 'failed',
      explanation: expect.stringMatching(/refused: hash-mismatch/),
    });
    const sha256 = createHash('sha256').update(other).digest('hex');
    const renamed = await released('1.2.0');
    for (const lie of [
      { ...image, sha256 },
      { ...renamed, version: '1.3.0' },
      { ...renamed, lengthBytes: renamed.lengthBytes - 1 },
    ])
      expect(await agent().ask('install', { image: lie })).toMatchObject({
        kind: 'failed',
        explanation: expect.stringMatching(/refused: no release of lamp that is signed for has these bytes/),
      });
    expect(asked).toEqual([]);
  });

  test('gets nothing of other hardware, another product or the agent installed', async () => {
    const refused = { kind: 'failed', explanation: expect.stringMatching(/refused/) };
    for (const of of [{ hardware: ['lamp-r2'] }, { product: 'pump' }, { component: 'agent' as const }]) {
      const image = await released('1.1.0', { ...of, content: Buffer.from(JSON.stringify(of)) });
      expect(await agent().ask('install', { image })).toMatchObject(refused);
    }
    expect(asked).toEqual([]);
  });

  test('gets nothing below the security floor, which is the service’s own', async () => {
    const good = await released('1.1.0', { securityVersion: 5 });
    await agent().ask('install', { image: good });
    expect(readServiceNotes(nodeFiles, folder.join('service')).securityFloor).toBe(0);
    await agent().ask('confirm', { image: good });
    const low = await released('1.2.0', { securityVersion: 4, content: Buffer.from('low') });
    expect(await agent().ask('install', { image: low })).toMatchObject({
      kind: 'failed',
      explanation: expect.stringMatching(/below-security-floor/),
    });
    expect(asked.map(({ verb }) => verb)).toEqual(['install', 'confirm']);
  });

  test('gets no metadata believed that is old, expired or altered', async () => {
    const old = new Map(repository.files);
    const image = await released('1.1.0');
    await agent().ask('status', {});
    expect(await agent().ask('install', { image })).toEqual({ kind: 'done', output: Buffer.alloc(0) });
    const replayed: Fetcher = {
      fetch: async (path) => {
        const file = old.get(path);
        return file === undefined
          ? { kind: 'absent' }
          : {
              kind: 'stream',
              chunks: (async function* () {
                yield file;
              })(),
            };
      },
    };
    expect(await agent({ fetcher: replayed }).ask('install', { image })).toMatchObject({
      kind: 'failed',
      explanation: expect.stringMatching(/rollback/),
    });
    clock.advance(400 * 86_400_000);
    expect(await agent().ask('install', { image })).toMatchObject({
      kind: 'failed',
      explanation: expect.stringMatching(/expired/),
    });
    expect(asked.filter(({ verb }) => verb === 'install')).toHaveLength(1);
  });

  test('gets nothing switched to or kept that was not installed', async () => {
    const image = await released('1.1.0');
    for (const verb of ['switch', 'confirm'] as const)
      expect(await agent().ask(verb, { image })).toMatchObject({
        kind: 'failed',
        explanation: expect.stringMatching(/not what was installed last/),
      });
    expect(asked).toEqual([]);
  });

  test('gets nothing switched to or kept whose installation failed, or was cut off', async () => {
    const image = await released('1.1.0');
    const refused = { kind: 'failed', explanation: expect.stringMatching(/not what was installed last/) };
    await agent().ask('install', { image });
    installs = async () => ({ kind: 'failed', explanation: 'the partition is half written' });
    await agent().ask('install', { image });
    for (const verb of ['switch', 'confirm'] as const)
      expect(await agent().ask(verb, { image })).toMatchObject(refused);
    installs = () => new Promise(() => undefined);
    expect(await agent({ withinMs: 500 }).ask('install', { image })).toMatchObject({ kind: 'failed' });
    expect(await agent().ask('switch', { image })).toMatchObject(refused);
    expect(asked.map(({ verb }) => verb)).toEqual(['install', 'install', 'install']);
  });

  test('reaches no file by its words: they name no path', async () => {
    const image = { ...(await released('1.1.0')), sha256: '../../etc/shadow' };
    expect(await agent().ask('install', { image })).toMatchObject({
      kind: 'failed',
      explanation: expect.stringMatching(/SHA-256/),
    });
  });
});

describe('an installer service that', () => {
  test('is not there, or ends without an answer, is asked again later', async () => {
    const nobody = socketInstaller(
      { socket: folder.join('nobody'), installWithinMs: 9_000, stepWithinMs: 9_000 },
      repository.fetcher,
    );
    expect(await nobody.ask('status', {})).toMatchObject({
      kind: 'again',
      explanation: expect.stringMatching(/is not there/),
    });
    server.removeAllListeners('connection').on('connection', (socket) => socket.destroy());
    expect(await agent().ask('status', {})).toMatchObject({
      kind: 'again',
      explanation: expect.stringMatching(/without an answer/),
    });
  });

  test('hangs is left at its time, and hears of it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    installs = (_, { stop }) => {
      stop?.addEventListener('abort', () => resolve());
      return new Promise(() => undefined);
    };
    expect(await agent({ withinMs: 500 }).ask('status', {})).toEqual({
      kind: 'failed',
      explanation: '`status` did not end within 500 ms',
    });
    await promise; // it is told to stop
  });

  test('cannot reach the repository through the agent says so, to be asked again', async () => {
    const image = await released('1.1.0');
    const fetcher: Fetcher = { fetch: async () => ({ kind: 'unreachable', explanation: 'the net is down' }) };
    expect(await agent({ fetcher }).ask('install', { image })).toEqual({
      kind: 'again',
      explanation: 'the net is down',
    });
  });
});

test('what the service believes and runs has to be protected from others', () => {
  const file = folder.join('agent.json');
  writeFileSync(file, '{}', { mode: 0o644 });
  expect(() => assertProtected(file, 'its settings')).not.toThrow();
  chmodSync(file, 0o666);
  expect(() => assertProtected(file, 'its settings')).toThrow(/by others than root/);
  mkdirSync(folder.join('open'));
  chmodSync(folder.join('open'), 0o777);
  writeFileSync(folder.join('open/agent.json'), '{}', { mode: 0o644 });
  expect(() => assertProtected(folder.join('open/agent.json'), 'its settings')).toThrow(/open/);
  chmodSync(file, 0o644);
  symlinkSync(file, folder.join('open/link.json'));
  expect(() => assertProtected(folder.join('open/link.json'), 'its settings')).toThrow(/open/);
});

test('whatever passes over the socket, or stands in the notes, is read or refused', () => {
  const damaged = fc.tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat(255)).map(([seed, at, byte]) => {
    const copy = Buffer.from(seed);
    copy[at % copy.length] = byte;
    return copy;
  });
  fc.assert(fc.property(damaged, (text) => fuzz(text)));
  fc.assert(fc.property(fc.json(), (text) => fuzz(Buffer.from(text))));
});
