import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { expect } from 'vitest';
import type { CheckOutcome } from '../src/agent/outcome.ts';
import { nodeFiles } from '../src/files/node-files.ts';
import { commandInstaller } from '../src/installer/command.ts';
import type { Installer } from '../src/installer/installer.ts';
import { openSlotFolder } from '../src/slots/folder.ts';
import { ForgetfulDisk } from './forgetful-disk.ts';
import { SimulatedDevice } from './simulated-device.ts';
import { TestRepository } from './test-repository.ts';

export type Partition = 'a' | 'b';
const partitionBytes = 256 * 1024;
/** What the device was shipped with, in `a`. */
const shipped = '1.0.0';

/** The file system of a version: its first line says which, and whether it is healthy. */
export function fileSystem(
  version: string,
  condition: 'healthy' | 'unhealthy' | 'does not boot' = 'healthy',
): Buffer {
  return Buffer.from(`${version} ${condition}\n`.padEnd(64 * 1024, '.'));
}

/**
 * A device with two partitions in files and a boot loader of two words, `once` and `keep`, over a real installer. A restart
 * happens when the agent pauses.
 */
export class TwoPartitions implements AsyncDisposable {
  readonly folder: TemporaryFolder = temporaryFolder();
  readonly repository: TestRepository;
  running: Partition = 'a';
  readonly #command: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #restarted: () => Promise<void>;
  #died = Promise.withResolvers<void>();

  private constructor(options: {
    readonly repository: TestRepository;
    readonly installer: InstallerOfPartitions;
  }) {
    const { repository, installer } = options;
    this.repository = repository;
    this.#ship();
    writeFileSync(this.folder.join('os-release'), `NAME=lamp\nIMAGE_VERSION="${shipped}"\n`);
    const { command, environment, restarted } = installer(this);
    this.#command = command;
    this.#restarted = restarted;
    this.#environment = {
      PATH: `${this.folder.join('programs')}:${process.env.PATH}`,
      FLEETWARD_REBOOT: `touch ${this.folder.join('restart')}`,
      FLEETWARD_OS_RELEASE: this.folder.join('os-release'),
      ...environment,
    };
  }

  #ship(): void {
    writeFileSync(this.partition('a'), fileSystem(shipped));
    writeFileSync(this.partition('b'), '');
    for (const name of ['a', 'b'] as const) truncateSync(this.partition(name), partitionBytes);
    writeFileSync(this.folder.join('keep'), 'a');
    writeFileSync(this.folder.join('running'), 'a');
    this.running = 'a';
  }

  static async create(installer: InstallerOfPartitions): Promise<TwoPartitions> {
    const repository = await TestRepository.create(new FakeClock());
    const device = new TwoPartitions({ repository, installer });
    await device.#restarted();
    return device;
  }

  partition(name: Partition): string {
    return this.folder.join(`partition-${name}`);
  }

  /** What runs, by its own bytes and not by what an installer says. */
  content(name = this.running): string {
    return readFileSync(this.partition(name), 'utf8').split('\n', 1)[0] ?? '';
  }

  async pass(): Promise<CheckOutcome> {
    const folder = openSlotFolder(nodeFiles, this.folder.join('slots'));
    const settings = { startWithinMs: 4, pollMs: 1, probeTries: 2, probePauseMs: 1 };
    return new SimulatedDevice(new ForgetfulDisk(), { repository: this.repository }).pass({
      files: nodeFiles,
      folder,
      installation: {
        installer: this.#unlessKilled(
          commandInstaller(
            { command: this.#command, installWithinMs: 60_000, stepWithinMs: 60_000 },
            this.#environment,
          ),
        ),
        attemptsMax: 2,
      },
      trial: {
        settings,
        isAlive: () => false,
        pause: () => this.#restartIfAsked(),
        probe: async (version) => {
          const content = this.content();
          return content === `${version} healthy`
            ? { kind: 'healthy' }
            : { kind: 'unhealthy', explanation: content };
        },
      },
    });
  }

  /** The agent goes with its installer: nothing comes back to it. */
  #unlessKilled(installer: Installer): Installer {
    return {
      ask: async (verb, options) => {
        const answer = await installer.ask(verb, options);
        if (!existsSync(this.folder.join('killed'))) return answer;
        this.#died.resolve();
        return Promise.withResolvers<never>().promise;
      },
    };
  }

  /** As it left the factory, with no update behind it. `forget`: what else an installer notes. */
  async reset(forget: readonly string[]): Promise<void> {
    for (const name of ['slots', 'once', 'restart', ...forget])
      rmSync(this.folder.join(name), { recursive: true, force: true });
    this.#ship();
    await this.#restarted();
  }

  /**
   * A pass in which the agent and its installer with all that it started are killed at a moment, which is before and after each of these programs that the installer runs.
   * Whether they were; what they left is what the next start of the device finds.
   */
  async passUntil(moment: number, programs: readonly string[]): Promise<'killed' | CheckOutcome> {
    mkdirSync(this.folder.join('programs'), { recursive: true });
    for (const name of programs)
      writeFileSync(this.folder.join(`programs/${name}`), deadly(this.folder.path, moment), { mode: 0o755 });
    writeFileSync(this.folder.join('moments'), '0');
    this.#died = Promise.withResolvers<void>();
    const outcome = await Promise.race([this.pass(), this.#died.promise.then(() => 'killed' as const)]);
    for (const name of ['programs', 'killed'])
      rmSync(this.folder.join(name), { recursive: true, force: true });
    return outcome;
  }

  /** Power off and on. */
  async restart(): Promise<void> {
    const once = this.folder.join('once');
    const keep = readFileSync(this.folder.join('keep'), 'utf8').trim() as Partition;
    const first = existsSync(once) ? (readFileSync(once, 'utf8').trim() as Partition) : keep;
    rmSync(once, { force: true });
    this.running = this.content(first).endsWith('does not boot') ? keep : first;
    writeFileSync(this.folder.join('running'), this.running);
    await this.#restarted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.folder.remove();
  }

  async #restartIfAsked(): Promise<void> {
    const asked = this.folder.join('restart');
    if (!existsSync(asked)) return;
    rmSync(asked);
    await this.restart();
  }
}

/** In the place of a program that an installer runs: at its moment it kills the whole group, itself too. */
const deadly = (folder: string, moment: number) => `#!/bin/sh
PATH=\${PATH#*:}
moment() {
  count=$(($(cat '${folder}/moments') + 1))
  echo $count >'${folder}/moments'
  [ $count = ${moment} ] || return 0
  touch '${folder}/killed'
  kill -9 -"$(ps -o pgid= -p $$ | tr -d ' ')"
}
moment
"\${0##*/}" "$@"
code=$?
moment
exit $code
`;

/** Kills at every moment, until an update has no such moment any more; answers at how many. Each time the device comes to what it has to. */
export async function killAtEveryMoment(
  device: TwoPartitions,
  {
    programs,
    forget,
    ends,
  }: { readonly programs: readonly string[]; readonly forget: readonly string[]; readonly ends: string },
): Promise<number> {
  for (let moment = 1; ; moment++) {
    const when = `killed at moment ${moment}`;
    await device.reset(forget);
    let outcome = await device.passUntil(moment, programs);
    const isKilled = outcome === 'killed';
    if (isKilled) await device.restart();
    for (let left = 6; left > 0 && (outcome === 'killed' || outcome.kind === 'waiting'); left--) {
      expect(device.content(), when).toMatch(/^(?:1\.0\.0|2\.[01]\.0) (?:un)?healthy$/);
      outcome = await device.pass();
    }
    await device.restart();
    expect(device.content(), when).toBe(ends);
    if (!isKilled) return moment - 1;
  }
}

/** The installer's command line, and what has to be done when the device has started. */
export type InstallerOfPartitions = (device: TwoPartitions) => {
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly restarted: () => Promise<void>;
};

/** A driver that the package comes with. */
export function shippedInstaller(name: 'rauc' | 'swupdate'): string {
  return join(import.meta.dirname, '../installers', name);
}
