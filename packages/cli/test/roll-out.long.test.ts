import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ApiClient,
  createApiClient,
  createOperatorToken,
  deviceProtocolVersion,
  listCampaignActions,
  listCampaigns,
  sendReport,
} from '@fleetward/protocol';
import { needs } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';
import { docBlocks } from '../../../tools/doc-blocks.ts';
import { type Cli, openCli, repository } from './cli.ts';

const file = 'docs/how-to/roll-out-an-update.md';
const idInText = '0c2f4a6b8d0e1f23';
const patience = { timeout: 60_000 };
const images = { '1.0.0': 'echo pump 1.0.0\n', '2.0.0': 'echo pump 2.0.0\n' } as const;

/** What stands before the document: two people with keys, and two releases. */
const before = [
  'release keygen ada.key',
  'release keygen bob.key',
  'release online-keys --out online-keys.json',
  'release init releases --root-key ada.key.pub --root-key bob.key.pub --root-threshold 2 --targets-threshold 2 --online-keys online-keys.json',
  'release add releases pump-1.0.0.sh --product pump --version 1.0.0 --hardware rev-b',
  'release add releases pump-2.0.0.sh --product pump --version 2.0.0 --hardware rev-b',
  'release sign releases --key ada.key --key bob.key',
  'release publish releases',
];

/** The commands of a block as their arguments, each with what its output must contain. */
function commandsOf(script: string) {
  return script
    .replaceAll('\\\n', ' ')
    .trim()
    .split('\n')
    .map((line) => {
      const [command = '', expected = ''] = line.split(/\s+# → /);
      const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
      expect(words[0], line).toBe('fleetward');
      return { line, args: words.slice(1), expected };
    });
}

/** pump-17, as its agent speaks of it. */
async function connectDevice(platform: TestPlatform) {
  const { key, cert } = await platform.enrol('pump-17');
  const baseUrl = `https://localhost:${platform.platform.ports.devices}`;
  const own = createApiClient({ baseUrl, ca: platform.rootPem, key, cert });
  const runs = (version: keyof typeof images) => {
    const sha256 = createHash('sha256').update(images[version]).digest('hex');
    const installed = { version, securityVersion: 0, sha256 };
    const update = { outcome: 'confirmed' as const, version };
    return own.call(sendReport, { body: { protocolVersion: deviceProtocolVersion, installed, update } });
  };
  return { runs, close: () => own.close() };
}

async function offeredThings(api: ApiClient, campaignId: string) {
  const query = { state: 'OFFERED' as const };
  const { actions } = await api.call(listCampaignActions, { params: { campaignId }, query });
  return actions.map(({ thingName, fromVersion }) => `${thingName} from ${fromVersion}`);
}

needs('openssl', 'openssl').describe('with devices of openssl', () => {
  test('the how-to of a roll-out is followed as it is written, on a platform where nothing goes out without a campaign', {
    timeout: 120_000,
  }, async () => {
    await using platform = await startTestPlatform({ settings: { campaigns: { required: true } } });
    using cli = openCli();
    const say = await speakerFor(platform, cli);
    for (const [version, image] of Object.entries(images))
      writeFileSync(cli.home.join(`pump-${version}.sh`), image);
    for (const command of before) await say(command.split(' '));
    const device = await connectDevice(platform);
    await device.runs('1.0.0');

    const newest = async () => (await platform.api.call(listCampaigns)).campaigns[0]?.campaignId ?? '';
    let campaignId = '';
    for (const { script } of docBlocks(readFileSync(join(repository, file), 'utf8'), {
      file,
      story: 'roll-out',
    }))
      for (const { line, args, expected } of commandsOf(script)) {
        const output = await say(args.map((word) => (word === idInText ? campaignId : word)));
        expect(output, line).toContain(expected);
        if (args[1] === 'create') campaignId = await newest();
        if (args[1] !== 'start') continue;
        await expect
          .poll(() => offeredThings(platform.api, campaignId), patience)
          .toEqual(['pump-17 from 1.0.0']);
        await device.runs('2.0.0');
      }
    const back = await newest();
    expect(back).not.toBe(campaignId);
    await expect.poll(() => offeredThings(platform.api, back), patience).toEqual(['pump-17 from 2.0.0']);
    device.close();
  });
});

/** Says a command as the first operator, and answers with all that it printed. */
async function speakerFor(
  platform: TestPlatform,
  cli: Cli,
): Promise<(args: readonly string[]) => Promise<string>> {
  const { secret } = await platform.api.call(createOperatorToken, { body: {} });
  const environment = {
    FLEETWARD_URL: `https://localhost:${platform.platform.ports.operators}`,
    FLEETWARD_CA: platform.rootFile,
    FLEETWARD_TOKEN: secret,
    FLEETWARD_PASSPHRASE: 'nine pumps in a row',
  };
  return async (args) => {
    const { code, stdout, stderr } = await cli.run(args, { environment });
    expect({ code, stderr }, args.join(' ')).toMatchObject({ code: 0 });
    return `${stdout}${stderr}`;
  };
}
