import { temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { initialise, loadConfig, startPlatform, systemClock, systemRandom } from '../../src/index.ts';
import { kill, serve, settingsOf } from './platform-process.ts';

const parts = { clock: systemClock, random: systemRandom, environment: {} };

test('a folder is run on by one process, which kill -9 makes free for the next', async () => {
  using folder = temporaryFolder();
  const settings = settingsOf(folder.path, { logLevel: 'silent' });
  const config = loadConfig({ overrides: settings });
  await initialise(config, parts);
  const { child } = await serve(settings);
  const inUse = { code: 'store.in_use', message: expect.stringContaining(`\`${folder.path}\``) };
  await expect(startPlatform(config, parts)).rejects.toMatchObject(inUse);
  await expect(initialise(config, parts)).rejects.toMatchObject(inUse);
  await expect(initialise(config, parts, { newSetupToken: true })).rejects.toMatchObject(inUse);
  await kill(child);

  const platform = await startPlatform(config, parts);
  await expect(startPlatform(config, parts), 'within one process too').rejects.toMatchObject(inUse);
  await platform.stop();
  await (await startPlatform(config, parts)).stop();
});

test('a folder that holds no platform stays as free as it was', async () => {
  using folder = temporaryFolder();
  const config = loadConfig({ overrides: settingsOf(folder.path, { logLevel: 'silent' }) });
  await expect(startPlatform(config, parts)).rejects.toThrow();
  await initialise(config, parts);
  await (await startPlatform(config, parts)).stop();
});
