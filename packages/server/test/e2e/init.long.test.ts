import { randomInt } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { isAppError } from '@fleetward/core';
import { encodePem } from '@fleetward/pki';
import { completeSetup, createApiClient, listTrail } from '@fleetward/protocol';
import { needs, startPostgres, temporaryFolder } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import {
  type Config,
  type Initialised,
  initialise,
  loadConfig,
  startPlatform,
  systemClock,
  systemRandom,
} from '../../src/index.ts';
import { kill, settingsOf, startStep } from './platform-process.ts';

const parts = { clock: systemClock, random: systemRandom, environment: {} };

function configOf(folder: string): Config {
  return loadConfig({ overrides: settingsOf(folder, { logLevel: 'silent' }) });
}

/** Spends setup tokens on a running platform, and tells what became of each and what the trail says. */
async function spend(config: Config, { root }: Initialised, setupTokens: readonly string[]) {
  const platform = await startPlatform(config, parts);
  const baseUrl = `https://localhost:${platform.ports.operators}`;
  const ca = encodePem('CERTIFICATE', root.der);
  const anybody = createApiClient({ baseUrl, ca });
  const outcomes: string[] = [];
  const kinds: string[] = [];
  try {
    for (const setupToken of setupTokens) {
      const operatorName = `operator-${outcomes.length}-${kinds.length}`;
      const spent = await anybody
        .call(completeSetup, { body: { setupToken, operatorName } })
        .catch(() => undefined);
      outcomes.push(spent === undefined ? 'refused' : 'accepted');
      if (spent === undefined) continue;
      const operator = createApiClient({ baseUrl, ca, token: spent.token.secret });
      const { entries } = await operator.call(listTrail, { query: { limit: 1000 } });
      kinds.push(...entries.map(({ entry }) => entry.kind));
      operator.close();
    }
  } finally {
    anybody.close();
    await platform.stop();
  }
  return { outcomes, kinds };
}

describe('init on a platform that is initialised', () => {
  test('says so and how to go on, and a new setup token lets an operator in while the lost one is void', async () => {
    using folder = temporaryFolder();
    const config = configOf(folder.path);
    const lost = await initialise(config, parts);
    await expect(initialise(config, parts)).rejects.toMatchObject({
      code: 'init.already_initialised',
      message: expect.stringMatching(/fleetward serve.*--new-setup-token/),
    });
    const renewed = await initialise(config, parts, { newSetupToken: true });
    expect(renewed.root.id).toBe(lost.root.id);
    expect(renewed.issuing.id).toBe(lost.issuing.id);
    expect(renewed.trailPublicKey).toEqual(lost.trailPublicKey);
    const { outcomes, kinds } = await spend(config, renewed, [
      lost.setupToken,
      renewed.setupToken,
      renewed.setupToken,
    ]);
    expect(outcomes).toEqual(['refused', 'accepted', 'refused']);
    expect(kinds.slice(0, 2)).toEqual(['platform.initialised', 'setup.token_created']);
  });

  test('leaves nothing behind where a token is asked for and none is set', async () => {
    using folder = temporaryFolder();
    const config = configOf(folder.join('data'));
    await expect(initialise(config, parts, { caKeyStore: 'hsm' })).rejects.toMatchObject({
      code: 'init.no_token',
      message: expect.stringContaining('`hsm`'),
    });
    expect(existsSync(folder.join('data'))).toBe(false);
  });

  test('makes no keys where those of the platform are gone', async () => {
    using folder = temporaryFolder();
    const config = configOf(folder.join('data'));
    await initialise(config, parts);
    renameSync(folder.join('data', 'keys'), folder.join('keys'));
    renameSync(folder.join('data', 'master.key'), folder.join('master.key'));
    await expect(initialise(config, parts)).rejects.toMatchObject({ code: 'init.already_initialised' });
    await expect(initialise(config, parts, { newSetupToken: true })).rejects.toMatchObject({
      code: 'keys.master_key',
    });
    renameSync(folder.join('master.key'), folder.join('data', 'master.key'));
    await expect(initialise(config, parts, { newSetupToken: true })).rejects.toMatchObject({
      code: 'keys.key_missing',
    });
    expect(existsSync(folder.join('data', 'keys')) ? readdirSync(folder.join('data', 'keys')) : []).toEqual(
      [],
    );
  });
});

needs('initdb', 'postgresql').describe('init on a database that has a platform', () => {
  test('says of another folder that it is another, and makes nothing in it', {
    timeout: 60_000,
  }, async () => {
    await using server = await startPostgres();
    using folder = temporaryFolder();
    const at = (name: string): Config => ({
      ...configOf(folder.join(name)),
      storage: { ...server.storage, mayBeOff: [...server.storage.mayBeOff] },
    });
    await initialise(at('first'), parts);
    await expect(initialise(at('second'), parts)).rejects.toMatchObject({
      code: 'init.already_initialised',
      message: expect.stringMatching(/database at `storage.url` belongs to a platform already.*--folder/),
    });
    expect(existsSync(folder.join('second', 'keys'))).toBe(false);
    await expect(initialise(at('first'), parts)).rejects.toMatchObject({
      message: expect.stringMatching(/first` is initialised already.*--new-setup-token/),
    });
  });
});

test('a new setup token for a folder that holds no platform is refused', async () => {
  using folder = temporaryFolder();
  const made = initialise(configOf(folder.path), parts, { newSetupToken: true });
  await expect(made).rejects.toMatchObject({ code: 'platform.not_initialised' });
});

test('init that is killed with -9 at any moment and run again finishes', { timeout: 120_000 }, async () => {
  const seed = Number(process.env.FLEETWARD_SEED ?? randomInt(2 ** 31));
  const wholeMs = await initDurationMs();
  for (let round = 0; round < 2; round++) {
    using folder = temporaryFolder();
    const config = configOf(folder.path);
    for (let attempt = 0; attempt < 2; attempt++) {
      const share = ((((seed % 997) + 1) * (round * 2 + attempt + 1) * 37) % 211) / 211;
      const child = startStep('init', settingsOf(folder.path));
      await new Promise((resolve) => setTimeout(resolve, wholeMs * (0.3 + 0.7 * share)));
      await kill(child);
    }
    const made = await finish(config);
    const { outcomes } = await spend(config, made, [made.setupToken]);
    expect({ seed, round, outcomes }).toEqual({ seed, round, outcomes: ['accepted'] });
  }
});

async function initDurationMs(): Promise<number> {
  using folder = temporaryFolder();
  const startedMs = performance.now();
  const outcome = await startStep('init', settingsOf(folder.path)).outcome;
  expect(outcome).toMatchObject({ code: 0 });
  return performance.now() - startedMs;
}

/** What a person would do: run it again, and do what it says. */
async function finish(config: Config): Promise<Initialised> {
  try {
    return await initialise(config, parts);
  } catch (error) {
    if (!isAppError(error) || error.code !== 'init.already_initialised') throw error;
    return initialise(config, parts, { newSetupToken: true });
  }
}

test('a platform that was initialised before there was provisioning, or a director, starts, and makes their keys', async () => {
  using folder = temporaryFolder();
  const config = configOf(folder.path);
  await initialise(config, parts);
  const keyFiles = ['provisioning-hook', 'director'].map((name) => folder.join(`keys/${name}.json`));
  for (const keyFile of keyFiles) rmSync(keyFile);
  const platform = await startPlatform(config, parts);
  await platform.stop();
  expect(keyFiles.map((keyFile) => existsSync(keyFile))).toEqual([true, true]);
});
