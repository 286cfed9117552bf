import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePem } from '@fleetward/pki';
import { listTrail } from '@fleetward/protocol';
import { needs, runProgram, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { beforeAll, expect, test } from 'vitest';
import { assertOwnedBy } from '../../src/folder-owner.ts';
import {
  type Config,
  initialise,
  loadConfig,
  rotateMasterKey,
  startPlatform,
  systemClock,
  systemRandom,
} from '../../src/index.ts';
import { signingKeys } from '../../src/signing-keys.ts';
import { clientOf, setUp } from './api-session.ts';
import { settingsOf } from './platform-process.ts';

const page = readFileSync(join(import.meta.dirname, '../../../../docs/how-to/master-key.md'), 'utf8');
const parts = { clock: systemClock, random: systemRandom, environment: {} };

/** The blocks of one language below a heading, in order, without their indent and with the paths of the test. */
function blocks(heading: string, language: string, folder: TemporaryFolder): readonly string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(heading)) ?? '';
  const fences = section.matchAll(new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\``, 'gms'));
  return [...fences].map(([, text = '']) =>
    text.replace(/^ {3}/gm, '').replaceAll('/etc/fleetward', folder.path),
  );
}

/** The settings that the page shows, read from a file as `fleetward serve --config` does. */
function configOf(
  folder: TemporaryFolder,
  yaml: string,
  environment: Readonly<Record<string, string>> = {},
): Config {
  const file = folder.join('fleetward.yaml');
  writeFileSync(file, yaml);
  return loadConfig({
    file,
    environment,
    overrides: settingsOf(folder.join('data'), { logLevel: 'silent' }),
  });
}

/** The ids of the master keys that the stored keys are sealed under. */
function sealedUnder(folder: TemporaryFolder): ReadonlySet<string | undefined> {
  const keys = folder.join('data', 'keys');
  const files = [
    ...readdirSync(keys).map((name) => join(keys, name)),
    folder.join('data', 'server-credentials.json'),
  ];
  return new Set(files.map((file) => /fws1\.([0-9a-f]{16})\./.exec(readFileSync(file, 'utf8'))?.[1]));
}

needs('openssl', 'openssl').describe('the rotation of the master key, as the how-to says', () => {
  let folder: TemporaryFolder;
  let rootPem = '';
  let token = '';
  let yaml: readonly string[] = [];

  beforeAll(async () => {
    folder = temporaryFolder();
    const [first = ''] = blocks('A file', 'yaml', folder);
    yaml = blocks('Rotate it', 'yaml', folder);
    const config = configOf(folder, first);
    const { setupToken, root } = await initialise(config, parts);
    rootPem = encodePem('CERTIFICATE', root.der);
    const platform = await startPlatform(config, parts);
    token = await setUp({ ports: platform.ports, rootPem, setupToken });
    await platform.stop();
    return () => folder.remove();
  });

  test('seals every key anew, and the platform runs without the old one', async () => {
    const [makeKey = '', rotate = ''] = blocks('Rotate it', 'sh', folder);
    expect(rotate).toMatch(/runuser -u fleetward -- .*fleetward master-key rotate/);
    expect(await runProgram('/bin/sh', ['-ec', makeKey])).toMatchObject({ code: 0 });
    expect(statSync(folder.join('master-2.key')).mode & 0o777).toBe(0o600);

    const [before] = sealedUnder(folder);
    const keys = Object.keys(signingKeys).length + 1; // and the server's own for TLS
    const both = configOf(folder, yaml[0] ?? '');
    await (await startPlatform(both, parts)).stop(); // Both keys are enough to run, before the rotation too.
    const { masterKeyId, rewrapped } = await rotateMasterKey(both, parts);
    expect(masterKeyId).not.toBe(before);
    expect(rewrapped).toBe(keys);
    expect([...sealedUnder(folder)]).toEqual([masterKeyId]);
    expect(await rotateMasterKey(both, parts), 'run again').toEqual({ masterKeyId, rewrapped: 0 });

    rmSync(folder.join('master.key'));
    const platform = await startPlatform(configOf(folder, yaml[1] ?? ''), parts);
    const api = clientOf({ ports: platform.ports, rootPem, token });
    const { entries } = await api.call(listTrail, { query: { limit: 100 } });
    const rotated = entries.filter(({ entry }) => entry.kind === 'master_key.rotated');
    expect(rotated.map(({ payload }) => JSON.parse(payload ?? '{}').payload)).toEqual([
      { masterKeyId, rewrapped: keys },
      { masterKeyId, rewrapped: 0 },
    ]);
    api.close();
    await platform.stop();
  });

  test('is refused to another user than the owner of the folder, whose files the platform could not read', () => {
    const { uid } = statSync(folder.join('data'));
    expect(() => assertOwnedBy(folder.join('data'), uid)).not.toThrow();
    expect(() => assertOwnedBy(folder.join('data'), uid + 1)).toThrow(
      expect.objectContaining({ code: 'folder.other_user' }),
    );
  });

  test('with a key that none of them was sealed under changes nothing and says which key is wanted', async () => {
    const wanted = [...sealedUnder(folder)];
    writeFileSync(folder.join('master-3.key'), `${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o600 });
    const stranger = configOf(folder, (yaml[1] ?? '').replace('master-2', 'master-3'));
    for (const act of [rotateMasterKey, startPlatform]) {
      await expect(act(stranger, parts)).rejects.toMatchObject({
        code: 'keys.unknown_master_key',
        message: expect.stringContaining(`\`${wanted[0]}\``),
      });
    }
    expect([...sealedUnder(folder)]).toEqual(wanted);
  });
});

test.each(['An environment variable', 'A systemd credential'])(
  'a platform runs on a master key from: %s',
  async (heading) => {
    using folder = temporaryFolder();
    const key = 'fedcba9876543210'.repeat(4);
    writeFileSync(folder.join('fleetward-master-key'), key, { mode: 0o400 });
    const environment = () => ({ FLEETWARD_MASTER_KEY: key, CREDENTIALS_DIRECTORY: folder.path });
    const config = configOf(folder, blocks(heading, 'yaml', folder)[0] ?? '', environment());
    await initialise(config, { ...parts, environment: environment() });
    const given = environment();
    await (await startPlatform(config, { ...parts, environment: given })).stop();
    expect(given.FLEETWARD_MASTER_KEY === undefined).toBe(config.masterKey.kind === 'environment');
    expect(readdirSync(folder.join('data'))).not.toContain('master.key');
  },
);

test('the unit of the how-to hands over the credential that the settings name', () => {
  using folder = temporaryFolder();
  const [unit = ''] = blocks('A systemd credential', 'ini', folder);
  const config = configOf(folder, blocks('A systemd credential', 'yaml', folder)[0] ?? '');
  const loaded = /^LoadCredentialEncrypted=([^:]+):/m.exec(unit)?.[1];
  expect(config.masterKey).toEqual({ kind: 'systemd-credential', name: loaded });
});
