import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needs, type RunningProgram, startProgram } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Of } from '../releases/engineer.ts';
import { DdiFleet } from './ddi-fleet.ts';
import { type ImageMaker, newImageMaker } from './swu.ts';

/** Its settings and its command line are what this runs. */
const document = readFileSync(
  join(import.meta.dirname, '../../../../docs/how-to/swupdate-devices.md'),
  'utf8',
);
const content = Buffer.from('firmware of the pump, version 2');

needs('swupdate', 'swupdate').describe('Debian’s SWUpdate over mutual TLS', () => {
  let fleet: DdiFleet;
  let trusted: ImageMaker;
  let stranger: ImageMaker;
  let command: string;
  let installed: string;

  beforeAll(async () => {
    fleet = await DdiFleet.start({ ddi: { pollSeconds: 1 } });
    const { folder } = fleet.platform;
    const device = await fleet.platform.enrol('pump-1');
    trusted = await newImageMaker(folder, 'release');
    stranger = await newImageMaker(folder, 'stranger');
    installed = folder.join('installed.bin');
    const configFile = folder.join('swupdate.cfg');
    mkdirSync(folder.join('sockets'));
    const asWritten = {
      '/etc/swupdate/release.pem': trusted.certFile,
      '/etc/swupdate.cfg': configFile,
      '/etc/fleetward/root.pem': fleet.platform.rootFile,
      '/etc/fleetward/chain.pem': device.certFile,
      '/etc/fleetward/key.pem': device.keyFile,
      'https://fleet.example:8443': fleet.url,
      'pump-17': 'pump-1',
    };
    const here = (text: string) =>
      Object.entries(asWritten).reduce((all, [from, to]) => all.replaceAll(from, to), text);
    const [configuration = '', line = ''] = [/^globals: .*?^\);$/ms, /^swupdate .*$/m].map((block) =>
      here(block.exec(document)?.[0] ?? ''),
    );
    command = line;
    writeFileSync(configFile, configuration);
  }, 120_000);
  afterAll(() => fleet.platform.stop());

  /** The program with a place of its own for sockets; `confirm`: it has restarted into a version that works. */
  function start(confirm: 'works' | undefined): RunningProgram {
    // Of a machine without a boot loader, and with its steps in the log.
    const line = `exec ${command} -M -m -l 4`;
    const environment = { ...process.env, TMPDIR: fleet.platform.folder.join('sockets') };
    return startProgram(
      '/bin/sh',
      ['-c', confirm === undefined ? line : line.replace(/ -u "[^"]*/, '$& -c 2')],
      {
        environment,
        timeoutMs: 100_000,
      },
    );
  }

  /** Runs it until the work is done; when that fails, with the program's own words. */
  async function whileRunning(
    confirm: 'works' | undefined,
    work: (program: RunningProgram) => Promise<void>,
  ): Promise<void> {
    const program = start(confirm);
    try {
      await work(program);
      await program.stop();
    } catch (cause) {
      const { stdout, stderr } = await program.stop();
      throw new Error(`SWUpdate said:\n${stdout.toString()}${stderr}`, { cause });
    }
  }

  test('polls, installs a signed image, and succeeds once it says so after its restart', {
    timeout: 240_000,
  }, async () => {
    const image = await trusted.image('2.0.0', { 'app.bin': { path: installed, bytes: content } });
    const campaignId = await fleet.campaign(await fleet.release('pump', '2.0.0', image));
    await whileRunning(undefined, async (program) => {
      await program.waitForOutput(/Update successful/, 60_000);
      expect(readFileSync(installed)).toEqual(content);
      // Installed is not confirmed.
      await fleet.reaches(campaignId, 'INSTALLING');
    });
    await whileRunning('works', () => fleet.ends(campaignId));
    expect((await fleet.actions(campaignId)).map(({ state }) => state)).toEqual(['SUCCEEDED']);
    expect(await fleet.report('pump-1')).toMatchObject({
      model: { product: 'pump', hardware: 'rev1' },
      installed: { version: '2.0.0', sha256: sha256Of(image) },
    });
  });

  test('refuses an image that a stranger signed, and says why', { timeout: 120_000 }, async () => {
    const image = await stranger.image('3.0.0', {
      'app.bin': { path: installed, bytes: Buffer.from('something else') },
    });
    const campaignId = await fleet.campaign(await fleet.release('pump', '3.0.0', image));
    await whileRunning(undefined, async (program) => {
      await program.waitForOutput(/Authentication of all signatures failed/, 60_000);
      await fleet.reaches(campaignId, 'FAILED');
    });
    const [action] = await fleet.actions(campaignId);
    expect(action).toMatchObject({ cause: 'client-failure', fromVersion: '2.0.0' });
    // It sends the last lines of its log, how many depends on its threads.
    expect(action?.explanation).toContain('No suitable .swu image found');
    expect(readFileSync(installed)).toEqual(content);
    expect(await fleet.report('pump-1')).toMatchObject({
      installed: { version: '2.0.0' },
      update: { outcome: 'failed', version: '3.0.0' },
    });
  });
});
