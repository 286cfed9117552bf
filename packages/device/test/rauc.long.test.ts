import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import {
  needs,
  needsRoot,
  type RunningProgram,
  runProgram,
  startProgram,
  temporaryFolder,
} from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fileSystem, killAtEveryMoment, shippedInstaller, TwoPartitions } from './two-partitions.ts';

const keys = temporaryFolder();
afterAll(() => keys.remove());

async function run(program: string, args: readonly string[]): Promise<void> {
  const ran = await runProgram(program, args, { environment: { PATH: process.env.PATH } });
  if (ran.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${ran.stderr}`);
}

async function makeSigner(name: string): Promise<void> {
  const files = ['-keyout', keys.join(`${name}.key`), '-out', keys.join(`${name}.crt`)];
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    ...files,
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
  ]);
}

/** A bundle of the format `plain`: one of `verity` needs dm-verity of the kernel. */
async function bundle(
  image: Buffer,
  { version, signer }: { version: string; signer: string },
): Promise<Buffer> {
  using folder = temporaryFolder();
  mkdirSync(folder.join('in'));
  writeFileSync(folder.join('in/rootfs.img'), image);
  const update = `[update]\ncompatible=lamp\nversion=${version}\n`;
  const rest = '[bundle]\nformat=plain\n[image.rootfs]\nfilename=rootfs.img\n';
  writeFileSync(folder.join('in/manifest.raucm'), update + rest);
  const signed = [`--cert=${keys.join(`${signer}.crt`)}`, `--key=${keys.join(`${signer}.key`)}`];
  await run('rauc', ['bundle', ...signed, folder.join('in'), folder.join('lamp.raucb')]);
  return readFileSync(folder.join('lamp.raucb'));
}

const busConfiguration = (socket: string) => `<busconfig>
  <type>system</type><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>`;

/** Its boot loader is a script over files of the device: what is made primary starts once, and a good one stays. */
const bootLoader = (folder: string) => `#!/bin/sh
cd '${folder}'
case $1 in
  get-primary) if [ -f once ]; then cat once; else cat keep; fi ;;
  set-primary) if [ "$2" = "$(cat running)" ]; then echo "$2" >keep; rm -f once; else echo "$2" >once; fi ;;
  get-state) cat "state-$2" 2>/dev/null || echo good ;;
  set-state) echo "$3" >"state-$2"
    if [ "$3 $2" = "good $(cat running)" ]; then echo "$2" >keep; fi
    if [ "$3 $2" = "bad $(cat keep)" ]; then case $2 in a) echo b >keep ;; b) echo a >keep ;; esac; fi ;;
esac
`;

function writeConfiguration(device: TwoPartitions): void {
  const { folder } = device;
  writeFileSync(folder.join('boot-loader'), bootLoader(folder.path));
  chmodSync(folder.join('boot-loader'), 0o755);
  writeFileSync(folder.join('bus.conf'), busConfiguration(folder.join('bus')));
  const slot = (number: number, name: 'a' | 'b') =>
    `[slot.rootfs.${number}]\ndevice=${device.partition(name)}\ntype=raw\nbootname=${name}\n`;
  const lines = [
    '[system]\ncompatible=lamp\nbootloader=custom\nbundle-formats=plain',
    `mountprefix=${folder.join('mount')}\nstatusfile=${folder.join('status')}\nactivate-installed=false`,
    `[handlers]\nbootloader-custom-backend=${folder.join('boot-loader')}`,
    `[keyring]\npath=${keys.join('maker.crt')}`,
    slot(0, 'a') + slot(1, 'b'),
  ];
  writeFileSync(folder.join('system.conf'), lines.join('\n'));
}

// RAUC mounts the bundle, so root and a loop device are needed.
needsRoot().describe('RAUC as the installer', () => {
  needs('rauc', 'rauc').describe('with its service', () => {
    needs('mksquashfs', 'squashfs-tools').describe('on a bus of its own', () => {
      needs('dbus-daemon', 'dbus-daemon').describe('of signed bundles', () => {
        let device: TwoPartitions;
        let bus: RunningProgram;
        let service: RunningProgram | undefined;

        beforeAll(async () => {
          await makeSigner('maker');
          await makeSigner('stranger');
          device = await TwoPartitions.create((made) => {
            writeConfiguration(made);
            const { folder } = made;
            const configuration = folder.join('system.conf');
            const environment = { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${folder.join('bus')}` };
            bus = startProgram('dbus-daemon', ['--nofork', `--config-file=${folder.join('bus.conf')}`], {
              timeoutMs: 600_000,
            });
            /** After each start of the device RAUC is told by the kernel's command line which slot it was; here by an option. */
            const restarted = async () => {
              await service?.stop();
              const booted = `--override-boot-slot=${made.running}`;
              service = startProgram('rauc', [`--conf=${configuration}`, booted, 'service'], {
                environment: { PATH: process.env.PATH, ...environment },
                timeoutMs: 600_000,
              });
              const asked = { environment: { PATH: process.env.PATH, ...environment } };
              const answers = async () =>
                expect(await runProgram('rauc', ['status'], asked)).toMatchObject({ code: 0 });
              await vi.waitFor(answers, { timeout: 20_000 });
            };
            return { command: [shippedInstaller('rauc'), configuration], environment, restarted };
          });
        });
        afterAll(async () => {
          await service?.stop();
          await bus.stop();
          await device[Symbol.asyncDispose]();
        });

        const release = async (
          version: string,
          { image = fileSystem(version), signer = 'maker', says = version } = {},
        ) =>
          void (await device.repository.release(await bundle(image, { version: says, signer }), { version }));

        test('installs into the other slot, restarts into it on trial, and keeps it', async () => {
          await release('1.1.0');
          expect(await device.pass()).toEqual({ kind: 'confirmed', version: '1.1.0', from: undefined });
          await device.restart();
          expect([device.running, device.content()]).toEqual(['b', '1.1.0 healthy']);
          expect(await device.pass()).toEqual({ kind: 'current', version: '1.1.0' });
        });

        test('goes back from what is unhealthy', async () => {
          await release('1.2.0', { image: fileSystem('1.2.0', 'unhealthy') });
          expect(await device.pass()).toMatchObject({
            kind: 'rolled-back',
            to: '1.1.0',
            reason: 'health-check-failed',
          });
          await device.restart();
          expect(device.content()).toBe('1.1.0 healthy');
        });

        test('goes back from what does not boot', async () => {
          await release('1.3.0', { image: fileSystem('1.3.0', 'does not boot') });
          expect(await device.pass()).toMatchObject({ kind: 'waiting' });
          expect(await device.pass()).toMatchObject({
            kind: 'rolled-back',
            to: '1.1.0',
            reason: 'attempts-used-up',
          });
          expect(device.content()).toBe('1.1.0 healthy');
        });

        test.each([
          ['its own keyring does not know', { signer: 'stranger' }, /signature|verif|certificate/i],
          ['is of another version than its release', { says: '9.9.9' }, /bundle says version 9\.9\.9/],
        ])('installs nothing that %s', async (why, given, explanation) => {
          await release(why.startsWith('its') ? '1.4.0' : '1.4.1', given);
          expect(await device.pass()).toMatchObject({
            kind: 'rolled-back',
            to: '1.1.0',
            reason: 'installer-failed',
            explanation: expect.stringMatching(explanation),
          });
          expect(device.content()).toBe('1.1.0 healthy');
        });

        test('follows with the next one that works', async () => {
          await release('1.5.0');
          expect(await device.pass()).toEqual({ kind: 'confirmed', version: '1.5.0', from: '1.1.0' });
          await device.restart();
          expect([device.running, device.content()]).toEqual(['a', '1.5.0 healthy']);
        });

        test.each([
          ['healthy', '2.0.0'],
          ['unhealthy', '2.1.0'],
        ] as const)(
          'comes to a version that works, wherever it is killed on the way to one that is %s',
          async (condition, version) => {
            await release(version, { image: fileSystem(version, condition) });
            const moments = await killAtEveryMoment(device, {
              programs: ['rauc', 'touch'],
              forget: ['status', 'state-a', 'state-b'],
              ends: condition === 'healthy' ? '2.0.0 healthy' : '1.0.0 healthy',
            });
            expect(moments).toBeGreaterThanOrEqual(15);
            process.stdout.write(`kills through RAUC: ${moments}, bricked: 0\n`); // one that was would have failed above
          },
          600_000,
        );
      });
    });
  });
});
