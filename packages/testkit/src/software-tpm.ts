import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireProgram } from './programs.ts';
import { type RunningProgram, runProgram, startProgram } from './run-program.ts';

const livesMs = 300_000;

/** A TPM 2.0 in software (libtpms behind swtpm), with its state in a folder, and the programs of tpm2-tools on it. */
export class SoftwareTpm implements AsyncDisposable {
  /** What programs find it by. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #program: RunningProgram;

  private constructor(folder: string, program: RunningProgram) {
    const tcti = `swtpm:path=${join(folder, 'tpm.sock')}`;
    this.#folder = folder;
    this.#program = program;
    this.environment = { PATH: process.env.PATH ?? '', TPM2TOOLS_TCTI: tcti, TPM2OPENSSL_TCTI: tcti };
  }

  /** Starts one in a folder that it makes if need be, for suites behind `needs('swtpm', 'swtpm')`; what was manufactured there before is used. */
  static async start(folder: string): Promise<SoftwareTpm> {
    mkdirSync(folder, { recursive: true });
    const unix = (name: string): string => `type=unixio,path=${join(folder, name)}`;
    const program = startProgram(
      requireProgram('swtpm', 'swtpm'),
      [
        ...['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--flags', 'not-need-init,startup-clear'],
        ...[
          '--server',
          unix('tpm.sock'),
          '--ctrl',
          unix('tpm.sock.ctrl'),
          '--pid',
          `file=${join(folder, 'pid')}`,
        ],
      ],
      { timeoutMs: livesMs },
    );
    const tpm = new SoftwareTpm(folder, program);
    await tpm.#answers();
    return tpm;
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(this.path(name)));
  }

  write(name: string, bytes: Uint8Array): void {
    writeFileSync(this.path(name), bytes);
  }

  /** Runs one of tpm2-tools, or openssl, in its folder; `createek` is `tpm2_createek`. Throws with its complaint when it fails. */
  async run(tool: string, ...args: readonly string[]): Promise<Buffer> {
    // There is no resource manager: what the program before has loaded is still there.
    await this.#start('tpm2_flushcontext', ['-t']);
    return this.#start(tool === 'openssl' ? tool : `tpm2_${tool}`, args);
  }

  async #start(name: string, args: readonly string[]): Promise<Buffer> {
    const program = requireProgram(name, name === 'openssl' ? name : 'tpm2-tools');
    const { code, stdout, stderr } = await runProgram(program, args, {
      folder: this.#folder,
      environment: this.environment,
    });
    if (code !== 0) throw new Error(`${name} ${args.join(' ')}: exit code ${code}\n${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop();
  }

  async #answers(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const alive = await Promise.race([
        this.#program.outcome,
        this.run('getcap', 'algorithms').then(
          () => true,
          () => false,
        ),
      ]);
      if (alive === true) return;
      if (alive !== false) throw new Error(`swtpm ended: ${alive.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('swtpm does not answer');
  }
}
