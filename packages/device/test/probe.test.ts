import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { probeHealth } from '../src/agent/probe.ts';

async function probeServer(answer: (status: (code: number) => void) => void, timeoutMs = 5000) {
  const server = createServer((_, response) =>
    answer((code) => response.writeHead(code).end('x'.repeat(100_000))),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const result = await probeHealth({ kind: 'http', url, timeoutMs });
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
    expect(await probeHealth({ kind: 'http', url, timeoutMs: 5000 })).toEqual(unhealthy(/ECONNREFUSED/));
  });

  test('by a command takes code 0 alone for healthy; one that hangs is killed', async () => {
    const probe = (command: readonly string[], timeoutMs = 5000) =>
      probeHealth({ kind: 'command', command, timeoutMs });
    expect(await probe(['/bin/sh', '-c', 'exit 0'])).toEqual({ kind: 'healthy' });
    expect(await probe(['/bin/sh', '-c', 'exit 3'])).toEqual(unhealthy(/code 3/));
    expect(await probe(['/bin/sleep', '600'], 30)).toEqual(unhealthy(/SIGKILL/));
    expect(await probe(['/nonexistent/check'])).toEqual(unhealthy(/ENOENT/));
  });
});
