import { fileURLToPath } from 'node:url';
import { type RunningProgram, startProgram } from '../run-program.ts';

const main = fileURLToPath(new URL('../broker/main.ts', import.meta.url));

/** The testkit's broker in a process that can be killed; it is started again on the same port and folder. */
export class BrokerProcess {
  readonly #options: readonly string[];
  #program: RunningProgram | undefined;
  #port = 0;

  constructor(options: readonly string[]) {
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  start(): void {
    const args = ['--conditions=fleetward-source', main, '--port', String(this.#port), ...this.#options];
    this.#program = startProgram(process.execPath, args, { timeoutMs: 600_000 });
  }

  async listening(): Promise<void> {
    const said = (await this.#program?.waitForOutput(/^listening\n/m)) ?? '';
    this.#port = Number(/^port (\d+)$/m.exec(said)?.[1] ?? 0);
  }

  /** As a power cut would, but for what the system holds. */
  async kill(): Promise<void> {
    this.#program?.kill('SIGKILL');
    await this.#program?.outcome;
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
  }
}
