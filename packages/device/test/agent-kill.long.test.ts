import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { starterProgram } from '../src/programs.ts';
import { exists, RealDevice } from './real-device.ts';
import { TestPlatform } from './test-platform.ts';
import { TestRepository } from './test-repository.ts';

const killer = pathToFileURL(join(import.meta.dirname, 'kill-entry.ts')).href;
const bundler = join(import.meta.dirname, '../../../tools/bundle-agent.ts');

// The agent as it is shipped, in one file, which starts in a quarter of the time.
const shipped = temporaryFolder();
beforeAll(() => void execFileSync(process.execPath, [bundler, shipped.join('agent.mjs')]));
afterAll(() => shipped.remove());
const agentImage = (version: string) =>
  Buffer.from(`import ${JSON.stringify(pathToFileURL(shipped.join('agent.mjs')).href)}; // ${version}\n`);
/** More than an update has; the rounds end with the first one that has no such step. */
const stepsMax = 60;

describe('kill -9 while the agent replaces itself', () => {
  test.each([
    ['agent', '/image', 6],
    ['starter', starterProgram, 9],
  ])(
    'of the %s, right before each rename and each sync, leaves an agent that works and can be replaced',
    async (_, program, stepsMin) => {
      await using platform = await TestPlatform.start(await TestRepository.create());
      await using device = await RealDevice.create(platform);
      const release = (version: string) =>
        platform.repository.release(agentImage(version), { component: 'agent', version });
      await release('1.0.0');
      const first = device.startAgentStarter();
      await until(() => endOf('1.0.0', platform) === 'confirmed');
      await first.stop();

      let killed = 0;
      for (let step = 1; step <= stepsMax; step++) {
        const once = device.folder.join(`killed-${step}`);
        device.environment = {
          NODE_OPTIONS: `--import=${killer}`,
          KILL_PROGRAM: program,
          KILL_AT: String(step),
          KILL_ONCE: once,
        };
        const version = `1.${step}.0`;
        await release(version);
        const starter = device.startAgentStarter();
        // A starter that is killed right after the confirmation takes the agent with it before that has told so.
        const isSettled = () => endOf(version, platform) !== undefined || device.confirmedAgent() === version;
        await until(() => isSettled() || !exists(starter.pid));
        // As its service manager would; what the killed one left behind is ended by the next.
        const next = exists(starter.pid) ? starter : device.startAgentStarter();
        await until(isSettled);
        // One that nobody killed tells it.
        await until(() => endOf(version, platform) !== undefined || existsSync(once));
        await device.stopAgentStarter(next);
        if (!existsSync(once)) break;
        killed++;
      }
      expect(killed).toBeGreaterThanOrEqual(stepsMin);
      expect(killed).toBeLessThan(stepsMax);
      expect(endOf(`1.${killed + 1}.0`, platform)).toBe('confirmed');
    },
    300_000,
  );
});

interface AgentPart {
  readonly version: string;
  readonly update?: { readonly outcome: string; readonly version?: string };
}

/** How the update to a version ended, as the platform was told; the newest report may be of a later pass already. */
function endOf(version: string, { reports }: TestPlatform): string | undefined {
  const updates = reports.map(({ agent }) => (agent as AgentPart | undefined)?.update);
  const ends = updates.filter((update) => update?.version === version).map((update) => update?.outcome);
  return ends.find((outcome) => outcome === 'confirmed' || outcome === 'rolled-back');
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(20);
}
