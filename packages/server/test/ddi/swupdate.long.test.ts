import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { needs, type RunningProgram, requireProgram, startProgram } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Of } from '../releases/engineer.ts';
import { DdiFleet } from './ddi-fleet.ts';
import { type ImageMaker, newImageMaker } from './swu.ts';

const content = Buffer.from('firmware of the pump, version 2');

needs('swupdate', 'swupdate').describe('Debian’s SWUpdate over mutual TLS', () => {
  let fleet: DdiFleet;
  let trusted: ImageMaker;
  let stranger: ImageMaker;
  let configFile: string;
  let installed: string;

  beforeAll(async () => {
    fleet = await DdiFleet.start({ ddi: { pollSeconds: 1 } });
    const { folder } = fleet.platform;
    const device = await fleet.platform.enrol('pump-1');
    trusted = await newImageMaker(folder, 'release');
    stranger = await newImageMaker(folder, 'stranger');
    installed = folder.join('installed.bin');
    configFile = folder.join('swupdate.cfg');
    mkdirSync(folder.join('sockets'));
    writeFileSync(
      configFile,
      `globals: { public-key-file = "${trusted.certFile}"; };
suricatta: { tenant = "default"; id = "pump-1"; url = "${fleet.url}"; polldelay = 1; retry = 1; retrywait = 1;
  cafile = "${fleet.platform.rootFile}"; sslkey = "${device.keyFile}"; sslcert = "${device.certFile}"; };
identify: ( { name = "product"; value = "pump"; }, { name = "hardware"; value = "rev1"; }, { name = "version"; value = "1.0.0"; } );
`,
    );
  }, 120_000);
  afterAll(() => fleet.platform.stop());

  /** The program with a place of its own for sockets; `confirm`: it has restarted into a version that works. */
  function start(confirm: 'works' | undefined): RunningProgram {
    const suricatta = `-t default -i pump-1 -u ${fleet.url} -p 1${confirm === undefined ? '' : ' -c 2'}`;
    const device = ['-f', configFile, '-k', trusted.certFile, '-H', 'pump:rev1', '-M', '-m'];
    const environment = { ...process.env, TMPDIR: fleet.platform.folder.join('sockets') };
    const args = ['-l', '4', ...device, '-u', suricatta];
    return startProgram(requireProgram('swupdate', 'swupdate'), args, { environment, timeoutMs: 100_000 });
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
