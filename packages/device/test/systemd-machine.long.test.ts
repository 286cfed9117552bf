import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { needs, needsRoot, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enroll } from '../src/sdk/enroll.ts';
import { agentUser, SystemdMachine } from './systemd-machine.ts';
import { TestPlatform } from './test-platform.ts';
import { TestRepository } from './test-repository.ts';

const units = join(import.meta.dirname, '../systemd');
const bundler = join(import.meta.dirname, '../../../tools/bundle-agent.ts');
const patience = { timeout: 20_000, interval: 200 };

/** A device whose partitions are files of root's; a switch is made at once, without a restart. */
const installer = `#!/bin/sh
set -eu
cd /var/lib/lamp
other=a; [ "$(cat running)" = b ] || other=b
case $1 in
  install) cat "$FLEETWARD_IMAGE" >$other; id -u >installed-by ;;
  switch) echo $other >running.new; mv running.new running ;;
  confirm) cat running >keep ;;
  rollback) if [ "$(head -n 1 "$(cat running)")" = "$FLEETWARD_VERSION" ]; then echo $other >running; fi ;;
  status) echo "{\\"running\\":\\"$(head -n 1 "$(cat running)")\\"}" ;;
esac
`;

needsRoot().describe('a machine that systemd runs', () => {
  needs('systemd', 'systemd').describe('with the units as they are shipped', () => {
    let folder: TemporaryFolder;
    let platform: TestPlatform;
    let machine: SystemdMachine;

    beforeAll(async () => {
      folder = temporaryFolder();
      platform = await TestPlatform.start(await TestRepository.create());
      await writeDevice(folder, platform);
      machine = await SystemdMachine.start(folder);
    }, 180_000);
    afterAll(async () => {
      await machine?.[Symbol.asyncDispose]();
      await platform?.[Symbol.asyncDispose]();
      folder?.remove();
    });

    const image = (version: string, health: string) => Buffer.from(`${version}\n${health}\n`);
    /** How an update to a version ended, once a report has said so. */
    const ended = (update: object) =>
      expect
        .poll(() => platform.reports.map((told) => told.update), patience)
        .toContainEqual(expect.objectContaining(update));

    test('installs through the installer service as root, while the agent has no right beyond its folder', async () => {
      await platform.repository.release(image('1.1.0', 'healthy'), { version: '1.1.0' });
      await ended({ outcome: 'confirmed', version: '1.1.0' });
      expect(await machine.sh('cd /var/lib/lamp; cat running keep installed-by b')).toBe(
        'b\nb\n0\n1.1.0\nhealthy\n',
      );
      const pid = (await machine.sh('systemctl show --property=MainPID --value fleetward-agent')).trim();
      const status = await machine.sh(`cat /proc/${pid}/status`);
      expect(status).toMatch(/^Uid:\t900\t900\t900\t900$/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
      expect(status).toMatch(/^CapBnd:\t0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      expect(status).toMatch(/^Seccomp:\t2$/m);
    });

    test('goes back from what is not healthy, and says why', async () => {
      await platform.repository.release(image('1.2.0', 'unhealthy'), { version: '1.2.0' });
      await ended({ outcome: 'rolled-back', reason: expect.stringMatching(/^health-check-failed/) });
      expect(await machine.sh('head -n 1 "/var/lib/lamp/$(cat /var/lib/lamp/running)"')).toBe('1.1.0\n');
    });

    test('keeps nothing of an image, and no process of a step', async () => {
      expect(await machine.sh('ls /var/lib/fleetward-installer')).toBe('installer.json\ntrusted\n');
      const units = 'systemctl list-units --no-legend --plain "fleetward-installer@*"';
      await expect.poll(() => machine.sh(units), patience).toBe('');
    });

    test('lets nobody but the agent speak to the installer service, and the agent not into its folder', async () => {
      const as = (uid: number, program: string) =>
        machine.run(
          'setpriv',
          `--reuid=${uid}`,
          `--regid=${uid}`,
          '--clear-groups',
          '/opt/node',
          '-e',
          program,
        );
      const speak = `require('node:net').connect('/run/fleetward-installer.sock').on('connect', () => process.exit(0)).on('error', (e) => { console.error(e.code); process.exit(1) })`;
      expect(await as(65_534, speak)).toMatchObject({ code: 1, stderr: 'EACCES\n' });
      expect(await as(agentUser.uid, speak)).toMatchObject({ code: 0 });
      const look = `require('node:fs').readdirSync('/var/lib/fleetward-installer')`;
      expect(await as(agentUser.uid, look)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/EACCES/),
      });
    });

    test('starts the agent again when it is killed', async () => {
      const pid = async () =>
        (await machine.sh('systemctl show --property=MainPID --value fleetward-agent')).trim();
      const first = await pid();
      await machine.sh('systemctl kill --signal=KILL fleetward-agent');
      await expect.poll(async () => !['0', first].includes(await pid()), patience).toBe(true);
      await platform.repository.release(image('1.3.0', 'healthy'), { version: '1.3.0' });
      await ended({ outcome: 'confirmed', version: '1.3.0' });
    });
  });
});

/** What the machine starts with: the units, the programs as one file each, settings and an enrolled device. */
async function writeDevice(folder: TemporaryFolder, platform: TestPlatform): Promise<void> {
  const at = (...path: readonly string[]) => folder.join('files', ...path);
  for (const path of [
    'etc/systemd/system',
    'etc/fleetward',
    'opt/fleetward',
    'var/lib/lamp',
    'var/lib/fleetward-agent',
  ])
    mkdirSync(at(path), { recursive: true });
  for (const program of ['agent', 'installer'])
    execFileSync(process.execPath, [bundler, at(`opt/fleetward/${program}.mjs`), program]);
  for (const unit of readdirSync(units)) {
    // Where a device has its programs is not to be written on this machine.
    const text = readFileSync(join(units, unit), 'utf8').replaceAll('/usr/lib/fleetward', '/opt/fleetward');
    writeFileSync(at('etc/systemd/system', unit), text.replaceAll('/usr/bin/node', '/opt/node'));
  }
  for (const [target, unit] of [
    ['multi-user', 'fleetward-agent.service'],
    ['sockets', 'fleetward-installer.socket'],
  ] as const) {
    mkdirSync(at(`etc/systemd/system/${target}.target.wants`));
    symlinkSync(`../${unit}`, at(`etc/systemd/system/${target}.target.wants/${unit}`));
  }
  writeFileSync(at('opt/fleetward/lamp-installer'), installer, { mode: 0o755 });
  for (const [name, text] of [
    ['running', 'a'],
    ['keep', 'a'],
    ['a', '1.0.0\nhealthy'],
    ['b', ''],
  ] as const)
    writeFileSync(at('var/lib/lamp', name), `${text}\n`);
  writeFileSync(at('etc/fleetward/1.root.json'), platform.releaseRoot);
  writeFileSync(at('etc/fleetward/agent.json'), JSON.stringify(settings(platform.url)));
  const { url, rootPem: trust, joinToken } = platform;
  const identity = { url, trust, joinToken, name: 'lamp-1', clock: Date };
  await enroll({ ...identity, folder: at('var/lib/fleetward-agent/identity') });
  protect(at(), at('var/lib/fleetward-agent'));
}

const settings = (url: string) => ({
  url,
  identityFolder: 'identity',
  trustedFolder: 'trusted',
  rootFile: '/etc/fleetward/1.root.json',
  slotsFolder: 'slots',
  product: 'lamp',
  hardware: 'lamp-r1',
  probe: {
    kind: 'command',
    command: ['/bin/sh', '-c', 'grep -qx healthy "/var/lib/lamp/$(cat /var/lib/lamp/running)"'],
  },
  installer: { command: ['/opt/fleetward/lamp-installer'], socket: '/run/fleetward-installer.sock' },
  trial: { probeTries: 2, probePauseMs: 100 },
  checkEveryMs: 500,
});

/** As on a device: everybody may read, and the agent's folder is the agent's alone. */
function protect(root: string, ofAgent: string): void {
  for (const entry of ['', ...(readdirSync(root, { recursive: true }) as string[])]) {
    const path = join(root, entry);
    if (path === ofAgent || path.startsWith(`${ofAgent}/`)) chownSync(path, agentUser.uid, agentUser.gid);
    else if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) chmodSync(path, 0o755);
  }
}
