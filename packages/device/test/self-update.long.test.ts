import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { getThing } from '@fleetward/protocol';
import { temporaryFolder } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { beforeAll, describe, expect, test } from 'vitest';
import { agentVersion } from '../src/agent/version.ts';
import { firmware, RealDevice } from './real-device.ts';
import { ReleaseEngineer } from './release-engineer.ts';

const root = join(import.meta.dirname, '../../..');
const agent = { component: 'agent' } as const;
const patient = ['--confirm-within-ms', '120000'];
/** Only for agents that never prove themselves: whoever could, has the time of `patient`. */
const impatient = ['--confirm-within-ms', '3000'];

/** Every attempt to connect fails, as where a new agent lost its way to the platform. */
const cutOff = `import { Socket } from 'node:net';
Socket.prototype.connect = function () { process.nextTick(() => this.destroy(new Error('no route'))); return this; };
`;

let bundle: string;

beforeAll(() => {
  using folder = temporaryFolder();
  execFileSync(process.execPath, [join(root, 'tools/bundle-agent.ts'), folder.join('agent')]);
  bundle = readFileSync(folder.join('agent'), 'utf8').replace(/^#!.*\n/, '');
}, 60_000);

/** The agent of this clone as a release of its own bytes, after what is to go wrong in it. */
const agentImage = (version: string, before = '') => Buffer.from(`${before}${bundle}\n// ${version}\n`);

describe('an agent that updates itself, on a real platform', () => {
  const patience = { timeout: 600_000 };
  test(
    'is replaced while the firmware runs on, and comes back from every agent that does not work',
    patience,
    async () => {
      await using platform = await startTestPlatform();
      const engineer = await ReleaseEngineer.start(platform.api);
      await engineer.release(firmware('1.0.0'));
      await using device = await RealDevice.create({
        url: `https://localhost:${platform.platform.ports.devices}`,
        rootPem: platform.rootPem,
        joinToken: await platform.newJoinToken('lamp-1'),
        releaseRoot: engineer.root,
      });
      device.startStarter();
      let starter = device.startAgentStarter(...patient);
      await untilReport(platform, {
        protocolVersion: 3,
        installed: { version: '1.0.0' },
        agent: { version: agentVersion, slot: 'factory', update: { outcome: 'up-to-date' } },
      });
      const before = await device.runningFirmware();

      await engineer.release(agentImage('2.0.0'), { ...agent, version: '2.0.0' });
      const onSecond = { version: '2.0.0', slot: 'a' };
      const confirmed = { agent: { ...onSecond, update: { outcome: 'confirmed', version: '2.0.0' } } };
      await untilReport(platform, confirmed);

      await starter.stop();
      starter = device.startAgentStarter(...impatient);
      const bad = [
        ['3.0.0', agentImage('3.0.0', 'for (;;);\n'), 'not-confirmed-in-time'],
        [
          '3.1.0',
          agentImage('3.1.0', 'await new Promise((end) => setTimeout(end, 1e9));\n'),
          'not-confirmed-in-time',
        ],
        ['3.2.0', agentImage('3.2.0', 'process.exit(9);\n'), 'died-before-confirmation'],
        ['3.3.0', agentImage('3.3.0', cutOff), 'not-confirmed-in-time'],
        ['3.4.0', Buffer.alloc(100_000, 0x7f), 'died-before-confirmation'],
      ] as const;
      for (const [version, image, reason] of bad) {
        await engineer.release(image, { ...agent, version });
        const update = { outcome: 'rolled-back', version, reason: expect.stringMatching(reason) };
        await untilReport(platform, { agent: { ...onSecond, update } });
      }
      expect(await device.runningFirmware()).toEqual(before);

      await starter.stop();
      starter = device.startAgentStarter(...patient);
      await engineer.release(firmware('1.1.0'), { version: '1.1.0' });
      await engineer.release(agentImage('4.0.0'), { ...agent, version: '4.0.0' });
      await untilReport(platform, {
        installed: { version: '1.1.0' },
        agent: { version: '4.0.0', slot: 'b' },
      });

      for (const slot of ['a', 'b'])
        writeFileSync(device.folder.join(`agent-slots/${slot}/image`), 'garbage');
      starter.kill('SIGHUP');
      await untilReport(platform, { agent: { version: agentVersion, slot: 'factory' } });
      await engineer.release(agentImage('4.0.1'), { ...agent, version: '4.0.1' });
      await untilReport(platform, { agent: { version: '4.0.1', update: { outcome: 'confirmed' } } });
      expect(await device.runningVersion()).toBe('1.1.0');
    },
  );
});

/** Waits until the device's newest report holds this. */
async function untilReport({ api }: TestPlatform, wanted: object): Promise<void> {
  let newest: unknown;
  for (let tries = 2_400; tries > 0; tries--) {
    newest = (await api.call(getThing, { params: { thingName: 'lamp-1' } })).report?.report;
    try {
      return void expect(newest).toMatchObject(wanted);
    } catch (error) {
      if (tries === 1) throw error;
      await pause(100);
    }
  }
}
