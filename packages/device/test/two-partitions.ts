import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import type { CheckOutcome } from '../src/agent/outcome.ts';
import { nodeFiles } from '../src/files/node-files.ts';
import { commandInstaller } from '../src/installer/command.ts';
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

  private constructor(options: {
    readonly repository: TestRepository;
    readonly installer: InstallerOfPartitions;
  }) {
    const { repository, installer } = options;
    this.repository = repository;
    writeFileSync(this.partition('a'), fileSystem(shipped));
    writeFileSync(this.partition('b'), '');
    for (const name of ['a', 'b'] as const) truncateSync(this.partition(name), partitionBytes);
    writeFileSync(this.folder.join('keep'), 'a');
    writeFileSync(this.folder.join('running'), 'a');
    writeFileSync(this.folder.join('os-release'), `NAME=lamp\nIMAGE_VERSION="${shipped}"\n`);
    const { command, environment, restarted } = installer(this);
    this.#command = command;
    this.#restarted = restarted;
    this.#environment = {
      PATH: process.env.PATH,
      FLEETWARD_REBOOT: `touch ${this.folder.join('restart')}`,
      FLEETWARD_OS_RELEASE: this.folder.join('os-release'),
      ...environment,
    };
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
        installer: commandInstaller(
          { command: this.#command, installWithinMs: 60_000, stepWithinMs: 60_000 },
          this.#environment,
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
