import { randomBytes } from 'node:crypto';
import { needs, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { measureDownload } from '../src/download/measure.ts';
import { startFileServers } from '../src/download/servers.ts';

needs('nginx', 'nginx-light').describe('the bench of downloads', () => {
  test('both servers give the whole artifact to a device, and any other length ends the bench', async () => {
    using folder = temporaryFolder();
    await using started = new AsyncDisposableStack();
    const artifact = randomBytes(5_000_000);
    const { servers, device } = await startFileServers(folder, {
      artifact,
      profileFolder: undefined,
      started,
    });
    expect(servers.map(({ name }) => name)).toEqual(['fleetward', 'nginx']);
    for (const server of servers) {
      const run = await measureDownload(server, { device, times: 2, lengthBytes: artifact.length });
      expect(run.megabytesPerSecond).toBeGreaterThan(0);
      const asked = { device, times: 1, lengthBytes: artifact.length + 1 };
      await expect(measureDownload(server, asked)).rejects.toThrow('a download was');
    }
  });
});
