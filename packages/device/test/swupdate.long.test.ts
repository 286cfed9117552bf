import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { needs, type RunningProgram, runProgram, startProgram, temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fileSystem, killAtEveryMoment, shippedInstaller, TwoPartitions } from './two-partitions.ts';

const keys = temporaryFolder();
afterAll(() => keys.remove());

async function sh(script: string, folder: string): Promise<void> {
  const ran = await runProgram('/bin/sh', ['-euc', script], {
    folder,
    environment: { PATH: process.env.PATH },
  });
  if (ran.code !== 0) throw new Error(`${script}: ${ran.stderr}`);
}

/** A certificate that may sign a .swu, and its key, made here. */
async function makeSigner(name: string): Promise<void> {
  const extensions = ['keyUsage=digitalSignature', 'extendedKeyUsage=emailProtection'].map(
    (e) => `-addext ${e}`,
  );
  const key = `-newkey rsa:2048 -nodes -keyout ${name}.key -out ${name}.crt`;
  await sh(`openssl req -x509 ${key} -subj /CN=${name} -days 2 ${extensions.join(' ')}`, keys.path);
}

/** A signed .swu for both copies of the device. */
async function bundle(device: TwoPartitions, image: Buffer, signer: string): Promise<Buffer> {
  using folder = temporaryFolder();
  writeFileSync(folder.join('rootfs.img'), image);
  const copy = (name: string, partition: string) =>
    `${name}: { images: ({ filename = "rootfs.img"; sha256 = "@"; device = "${partition}"; type = "raw"; }); };`;
  const copies = copy('copy1', device.partition('a')) + copy('copy2', device.partition('b'));
  const description = `software = { version = "1"; hardware-compatibility: ["1.0"]; stable = { ${copies} }; }`;
  writeFileSync(folder.join('sw-description'), description);
  const sign = `openssl cms -sign -in sw-description -out sw-description.sig -outform DER -nosmimecap -binary`;
  await sh(
    `sed -i "s/@/$(sha256sum rootfs.img | cut -d' ' -f1)/g" sw-description
    ${sign} -signer ${keys.join(`${signer}.crt`)} -inkey ${keys.join(`${signer}.key`)}
    printf '%s\\n' sw-description sw-description.sig rootfs.img | cpio -o -H crc >lamp.swu`,
    folder.path,
  );
  return Buffer.from((await runProgram('/bin/cat', [folder.join('lamp.swu')])).stdout);
}

needs('swupdate', 'swupdate').describe('SWUpdate as the installer', () => {
  needs('cpio', 'cpio').describe('of signed .swu', () => {
    let device: TwoPartitions;
    let daemon: RunningProgram;

    beforeAll(async () => {
      await makeSigner('maker');
      await makeSigner('stranger');
      device = await TwoPartitions.create(({ folder }) => {
        // The boot loader of this device: the words of the contract are files.
        const boot = folder.join('boot');
        const name = 'stable,copy';
        writeFileSync(
          boot,
          `#!/bin/sh
          cd '${folder.path}'
          case $1-$2 in
            running-) case $(cat running) in a) echo ${name}1 ;; b) echo ${name}2 ;; esac ;;
            try-${name}1) echo a >once ;; try-${name}2) echo b >once ;;
            keep-${name}1) echo a >keep ;; keep-${name}2) echo b >keep ;;
          esac`,
        );
        chmodSync(boot, 0o755);
        return {
          command: [shippedInstaller('swupdate'), boot],
          environment: { TMPDIR: folder.path, FLEETWARD_VERSIONS: folder.join('versions') },
          restarted: async () => undefined,
        };
      });
      const { folder } = device;
      const accepted = ['-q', 'stable,copy1', '-q', 'stable,copy2'];
      const args = ['-k', keys.join('maker.crt'), '-H', 'lamp:1.0', ...accepted, '-M', '-m', '-l', '4'];
      const environment = { PATH: process.env.PATH, TMPDIR: folder.path };
      daemon = startProgram('swupdate', args, { folder: folder.path, environment, timeoutMs: 600_000 });
      await vi.waitFor(() => expect(existsSync(folder.join('sockinstctrl'))).toBe(true), { timeout: 20_000 });
    });
    afterAll(async () => {
      await daemon.stop();
      await device[Symbol.asyncDispose]();
    });

    const release = async (version: string, { image = fileSystem(version), signer = 'maker' } = {}) =>
      void (await device.repository.release(await bundle(device, image, signer), { version }));

    test('installs into the other copy, restarts into it on trial, and keeps it', async () => {
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
      const explanation = 'the installer says that 1.1.0 runs';
      expect(await device.pass()).toEqual({ kind: 'waiting', version: '1.3.0', explanation });
      expect(await device.pass()).toMatchObject({
        kind: 'rolled-back',
        to: '1.1.0',
        reason: 'attempts-used-up',
      });
      expect(device.content()).toBe('1.1.0 healthy');
    });

    test('installs nothing that its own key did not sign, whoever released it', async () => {
      await release('1.4.0', { signer: 'stranger' });
      expect(await device.pass()).toMatchObject({
        kind: 'rolled-back',
        to: '1.1.0',
        reason: 'installer-failed',
        explanation: expect.stringMatching(/`install` ended with code 1: SWUpdate refused it/),
      });
      await daemon.waitForOutput(/Authentication of all signatures failed/);
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
          programs: ['swupdate-client', 'rm', 'mv', 'sync', 'mkdir', 'touch'],
          forget: ['versions'],
          ends: condition === 'healthy' ? '2.0.0 healthy' : '1.0.0 healthy',
        });
        expect(moments).toBeGreaterThanOrEqual(15);
        process.stdout.write(`kills through SWUpdate: ${moments}, bricked: 0\n`); // one that was would have failed above
      },
      600_000,
    );
  });
});
