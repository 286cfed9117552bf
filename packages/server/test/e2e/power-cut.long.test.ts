import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lostByPowerCut, needs, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { initialise, loadConfig, startPlatform, systemClock, systemRandom } from '../../src/index.ts';
import { settingsOf } from './platform-process.ts';

const parts = { clock: systemClock, random: systemRandom, environment: {} };
const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

/** SQLite syncs its files by itself, and what those tests of the storage hold. */
const isOfSqlite = (entry: string) => /\.db(-wal|-shm)?$/.test(entry);

const lostOf = async (args: readonly string[], folder: string) =>
  (await lostByPowerCut(args, { folder })).filter((entry) => !isOfSqlite(entry));

needs('strace', 'strace').describe('after a power cut nothing is gone', () => {
  const init = (settings: object) => [
    join(import.meta.dirname, 'platform-entry.ts'),
    'init',
    JSON.stringify(settings),
  ];

  test('of a platform that was initialised into folders that were missing', async () => {
    using folder = temporaryFolder();
    const masterKey = { kind: 'file', path: folder.join('secrets/of/platform/master.key') };
    const settings = settingsOf(folder.join('srv/fleetward/data'), { masterKey });
    expect(await lostOf(init(settings), folder.path)).toEqual([]);
  });

  test('of the keys that an `init` made and was killed after, once the next has used them', async () => {
    using folder = temporaryFolder();
    const masterKey = { kind: 'file', path: folder.join('secrets/master.key') };
    const settings = settingsOf(folder.join('data'), { masterKey });
    await initialise(loadConfig({ overrides: settings }), parts);
    for (const name of readdirSync(folder.join('data')))
      if (name !== 'keys') rmSync(folder.join('data', name));
    expect(await lostOf(init(settings), folder.path)).toEqual([]);
  });

  test('of the sealing under a new master key, once `master-key rotate` says that nothing is left to seal', async () => {
    using folder = temporaryFolder();
    const settings = settingsOf(folder.join('data'), { logLevel: 'silent' });
    const config = loadConfig({ overrides: settings });
    await initialise(config, parts);
    await (await startPlatform(config, parts)).stop();
    const rotate = `
      import { loadConfig, rotateMasterKey, systemClock, systemRandom } from ${source('index.ts')};
      const config = loadConfig({ overrides: ${JSON.stringify(settings)} });
      await rotateMasterKey(config, { clock: systemClock, random: systemRandom, environment: {} });
    `;
    expect(await lostOf(['--input-type=module', '-e', rotate], folder.join('data'))).toEqual([]);
  });

  test('of the sealing of the TLS key, whatever the records are kept in', async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.join('server-credentials.json'), JSON.stringify({ sealedKey: 'sealed', chain: [] }));
    const rewrap = `
      import { rewrapServerCredentials } from ${source('gateway/server-credentials.ts')};
      await rewrapServerCredentials(${JSON.stringify(folder.path)}, { rewrap: (sealed) => sealed });
    `;
    expect(await lostOf(['--input-type=module', '-e', rewrap], folder.path)).toEqual([]);
  });

  test('of an artifact that a process named and was killed after', async () => {
    using folder = temporaryFolder();
    const options = { path: folder.path, artifactBytesMax: 100, uploadsMax: 1, unfinishedMax: 1 };
    const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
    const script = `
      import { openArtifactFolder } from ${source('releases/artifact-folder.ts')};
      const artifacts = await openArtifactFolder(${JSON.stringify(options)});
      await artifacts.put('${sha256}', { bytes: [Buffer.from('hello')], fromByte: 0 });
    `;
    expect(await lostOf(['--input-type=module', '-e', script], folder.path)).toEqual([]);
    const open = script.replace(/^.*put.*$/m, '');
    expect(await lostOf(['--input-type=module', '-e', open], folder.path)).toEqual([]);
  });
});
