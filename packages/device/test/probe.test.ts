import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { temporaryFolder } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { probeHealth } from '../src/agent/probe.ts';

const noPlatform = { askPlatform: () => Promise.reject(new Error('no route')), version: '1.0.0' };

async function probeServer(answer: (status: (code: number) => void) => void, timeoutMs = 5000) {
  const server = createServer((_, response) =>
    answer((code) => response.writeHead(code).end('x'.repeat(100_000))),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const result = await probeHealth({ kind: 'http', url, timeoutMs }, noPlatform);
  server.closeAllConnections();
  server.close();
  return { result, url };
}

const unhealthy = (explanation: RegExp) => ({
  kind: 'unhealthy',
  explanation: expect.stringMatching(explanation),
});

describe('a health probe', () => {
  test('over HTTP takes 2xx alone for healthy', async () => {
    for (const code of [200, 204, 299])
      expect((await probeServer((s) => s(code))).result).toEqual({ kind: 'healthy' });
    for (const code of [302, 404, 500])
      expect((await probeServer((s) => s(code))).result).toEqual(unhealthy(new RegExp(`answered ${code}`)));
  });

  test('over HTTP that hangs, or finds nobody, is unhealthy', async () => {
    const { result, url } = await probeServer(() => undefined, 30);
    expect(result).toEqual(unhealthy(/within 30 ms/));
    expect(await probeHealth({ kind: 'http', url, timeoutMs: 5000 }, noPlatform)).toEqual(
      unhealthy(/ECONNREFUSED/),
    );
  });

  test('by a command takes code 0 alone for healthy; one that hangs is killed', async () => {
    const probe = (command: readonly string[], timeoutMs = 5000) =>
      probeHealth({ kind: 'command', command, timeoutMs }, noPlatform);
    expect(await probe(['/bin/sh', '-c', 'exit 0'])).toEqual({ kind: 'healthy' });
    expect(await probe(['/bin/sh', '-c', 'exit 3'])).toEqual(unhealthy(/code 3/));
    expect(await probe(['/bin/sh', '-c', 'test "$FLEETWARD_VERSION" = 1.0.0'])).toEqual({ kind: 'healthy' });
    expect(await probe(['/bin/sleep', '600'], 30)).toEqual(unhealthy(/SIGKILL/));
    expect(await probe(['/nonexistent/check'])).toEqual(unhealthy(/ENOENT/));
  });

  test('by a command that hangs takes all it started with it', async () => {
    using folder = temporaryFolder();
    const script = `sleep 600 & echo $! > ${folder.join('pid')}; wait`;
    const command = ['/bin/sh', '-c', script];
    expect(await probeHealth({ kind: 'command', command, timeoutMs: 1000 }, noPlatform)).toEqual(
      unhealthy(/SIGKILL/),
    );
    const pid = readFileSync(folder.join('pid'), 'utf8').trim();
    // Killed, and perhaps not yet collected by whoever inherited it.
    const state = () => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    await expect.poll(() => !existsSync(`/proc/${pid}`) || state() === 'Z', { timeout: 20_000 }).toBe(true);
  });

  test('of the platform asks within its time, and says why it failed', async () => {
    const probe = { kind: 'platform', timeoutMs: 30 } as const;
    expect(await probeHealth(probe, { ...noPlatform, askPlatform: async () => 'an answer' })).toEqual({
      kind: 'healthy',
    });
    expect(await probeHealth(probe, noPlatform)).toEqual(unhealthy(/platform: no route/));
    const hanging = async (signal: AbortSignal) => {
      await once(signal, 'abort');
      signal.throwIfAborted();
    };
    expect(await probeHealth(probe, { ...noPlatform, askPlatform: hanging })).toEqual(
      unhealthy(/platform: .*timeout/),
    );
  });

  test('made of several passes when all pass, and ends with the first that fails', async () => {
    const good = { kind: 'process', forMs: 1 } as const;
    const bad = { kind: 'command', command: ['/bin/false'], timeoutMs: 5000 } as const;
    const never = { kind: 'command', command: ['/nonexistent'], timeoutMs: 5000 } as const;
    expect(await probeHealth({ kind: 'all', probes: [good, good] }, noPlatform)).toEqual({ kind: 'healthy' });
    expect(await probeHealth({ kind: 'all', probes: [good, bad, never] }, noPlatform)).toEqual(
      unhealthy(/bin\/false/),
    );
  });
});
