import { replaceFile } from '../src/files/replace-file.ts';
import type { AskOptions, Installer, InstallerAnswer, InstallerVerb } from '../src/installer/installer.ts';
import type { ForgetfulDisk } from './forgetful-disk.ts';

/** How a version behaves once it runs. */
export type VersionBehaviour = 'healthy' | 'unhealthy' | 'does not boot';

const done: InstallerAnswer = { kind: 'done', output: new Uint8Array() };

/**
 * A device with two partitions and a boot loader, on a forgetful disk: what is installed runs once, on trial, and the confirmed
 * one runs again at the boot after that. A switch and a rollback restart the device at once.
 */
export class SimulatedInstaller implements Installer {
  readonly disk: ForgetfulDisk;
  readonly asked: InstallerVerb[] = [];
  /** What it answers in place of doing a step. */
  readonly lies = new Map<InstallerVerb, () => InstallerAnswer>();
  readonly #behaviourOf: (version: string) => VersionBehaviour;
  #running: string | undefined;

  constructor(disk: ForgetfulDisk, behaviourOf: (version: string) => VersionBehaviour = () => 'healthy') {
    this.disk = disk;
    this.#behaviourOf = behaviourOf;
  }

  async ask(verb: InstallerVerb, options: AskOptions): Promise<InstallerAnswer> {
    this.asked.push(verb);
    return this.lies.get(verb)?.() ?? this.#answer(verb, options);
  }

  /** What the boot loader starts after a power cut or a restart. */
  boot(): string {
    const trial = this.#read('/boot/once');
    if (trial !== '') this.#write('/boot/once', '');
    const isStarted = trial !== '' && this.#behaviourOf(trial) !== 'does not boot';
    this.#running = isStarted ? trial : this.#partition(this.#confirmed());
    return this.#running;
  }

  get isHealthy(): boolean {
    return this.#running !== undefined && this.#behaviourOf(this.#running) === 'healthy';
  }

  #answer(verb: InstallerVerb, { image }: AskOptions): InstallerAnswer {
    const other = this.#confirmed() === 'a' ? 'b' : 'a';
    switch (verb) {
      case 'install':
        this.#write(`/boot/${other}`, image!.version);
        return done;
      case 'switch':
        this.#write('/boot/once', this.#partition(other));
        this.boot();
        return done;
      case 'confirm':
        if (this.#partition(other) === image!.version) this.#write('/boot/confirmed', other);
        return done;
      case 'rollback':
        if (this.#partition(this.#confirmed()) === image!.version) this.#write('/boot/confirmed', other);
        this.#write('/boot/once', '');
        this.boot();
        return done;
      case 'status':
        return {
          kind: 'done',
          output: Buffer.from(JSON.stringify({ running: this.#running ?? this.boot() })),
        };
    }
  }

  #confirmed(): 'a' | 'b' {
    return this.#read('/boot/confirmed') === 'b' ? 'b' : 'a';
  }

  /** The version in a partition; what the device was shipped with is in a. */
  #partition(name: 'a' | 'b'): string {
    return this.#read(`/boot/${name}`) || '1.0.0';
  }

  #read(path: string): string {
    return Buffer.from(this.disk.read(path) ?? []).toString();
  }

  #write(path: string, text: string): void {
    replaceFile(this.disk, path, Buffer.from(text));
  }
}
