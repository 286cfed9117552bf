import { existsSync, realpathSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type RunningProgram, startProgram, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import type { CheckOutcome } from '../src/agent/outcome.ts';
import { nodeFiles } from '../src/files/node-files.ts';
import { agentProgram, starterProgram } from '../src/programs.ts';
import { enroll } from '../src/sdk/enroll.ts';
import { openSlotFolder } from '../src/slots/folder.ts';
import { confirmedVersion } from '../src/slots/state.ts';
import { endOrphans } from '../src/starter/orphans.ts';

const node = [process.execPath, '--conditions=fleetward-source'] as const;

/** A platform as a device knows it before it is enrolled. */
export interface DevicePlatform {
  readonly url: string;
  readonly rootPem: string;
  readonly joinToken: string;
  /** The first root of its releases. */
  readonly releaseRoot: Uint8Array;
}

const quick = ['--poll-ms', '50', '--stop-within-ms', '2000', '--restart-pause-max-ms', '500'];

/** Firmware of about `bytes` that Node runs: it answers its version over HTTP, well or not, or ends at once. */
export function firmware(
  version: string,
  { status = 200, dies = false, bytes = 8_000_000 }: { status?: number; dies?: boolean; bytes?: number } = {},
): Uint8Array {
  const serve = `require('node:http').createServer((q, a) => a.writeHead(${status}).end('${version} ' + process.pid)).listen(process.env.LAMP_PORT, '127.0.0.1');`;
  return Buffer.from(`${dies ? 'process.exit(7);' : serve}\n//${'.'.repeat(bytes)}\n`);
}

/** The agent and the starter as processes, in a throw-away folder, against a platform. */
export class RealDevice implements AsyncDisposable {
  readonly folder: TemporaryFolder;
  /** For programs that are started from now on. */
  environment: NodeJS.ProcessEnv = {};
  readonly #port: number;
  readonly #running: RunningProgram[] = [];

  private constructor(folder: TemporaryFolder, port: number) {
    this.folder = folder;
    this.#port = port;
  }

  /** An enrolled device with its settings written. */
  static async create(platform: DevicePlatform, name = 'lamp-1'): Promise<RealDevice> {
    const folder = temporaryFolder();
    const device = new RealDevice(folder, await freePort());
    const { url, rootPem, joinToken, releaseRoot } = platform;
    const identity = { url, trust: rootPem, joinToken, name };
    const enrolled = await enroll({ ...identity, folder: folder.join('identity'), clock: Date });
    if (enrolled.kind !== 'enrolled') throw new Error(`not enrolled: ${enrolled.reason}`);
    writeFileSync(folder.join('root.json'), releaseRoot);
    writeFileSync(folder.join('agent.json'), JSON.stringify(device.#settings(url)));
    return device;
  }

  startStarter(...options: readonly string[]): RunningProgram {
    const args = ['--slots', this.folder.join('slots'), ...quick, ...options];
    return this.#start(starterProgram, [...args, '--', process.execPath, '{image}']);
  }

  /** The starter of the agent; the device was shipped with the agent of this clone. */
  startAgentStarter(...options: readonly string[]): RunningProgram {
    const args = [
      '--slots',
      this.folder.join('agent-slots'),
      '--factory',
      agentProgram,
      ...quick,
      ...options,
    ];
    const command = [...node, '{image}', '--config', this.folder.join('agent.json')];
    return this.#start(starterProgram, [...args, '--', ...command]);
  }

  /** The version of the agent that is relied on; nothing while the factory's is. */
  confirmedAgent(): string | undefined {
    const read = openSlotFolder(nodeFiles, this.folder.join('agent-slots')).readSlots();
    return read.kind === 'ok' ? confirmedVersion(read.state) : undefined;
  }

  /**
   * Ends a starter of the agent. One that was killed just then has left its agent, which holds its output open: that is ended as the
   * next starter would.
   */
  async stopAgentStarter(starter: RunningProgram): Promise<void> {
    starter.kill('SIGTERM');
    while (exists(starter.pid)) await pause(20);
    endOrphans(realpathSync(this.folder.join('agent-slots')));
    await starter.stop();
  }

  startAgent(): RunningProgram {
    return this.#start(agentProgram, ['--config', this.folder.join('agent.json')]);
  }

  /** One pass of the agent in a process of its own. */
  async checkOnce(): Promise<CheckOutcome> {
    const args = ['--config', this.folder.join('agent.json'), '--once'];
    const { stdout, stderr } = await this.#start(agentProgram, args).outcome;
    if (stdout.length === 0) throw new Error(`no outcome: ${stderr}`);
    return JSON.parse(stdout.toString());
  }

  /** What the firmware that runs answers; waits for one that answers at all. */
  async runningVersion(): Promise<string> {
    return (await this.runningFirmware()).version;
  }

  /** The same, with the process that answers. */
  async runningFirmware(): Promise<{ readonly version: string; readonly pid: number }> {
    const [version = '', pid] = (await this.#answer()).split(' ');
    return { version, pid: Number(pid) };
  }

  async #answer(): Promise<string> {
    for (let tries = 200; tries > 0; tries--) {
      const answer = await this.#ask().catch(() => undefined);
      if (answer !== undefined) return answer;
      await pause(50);
    }
    throw new Error('no firmware answers');
  }

  async isSilent(): Promise<boolean> {
    return this.#ask().then(
      () => false,
      () => true,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#running) program.kill('SIGTERM');
    for (const program of this.#running.toReversed()) {
      for (const slots of ['slots', 'agent-slots'].map((name) => this.folder.join(name)))
        if (existsSync(slots)) endOrphans(realpathSync(slots));
      await program.stop();
    }
    this.folder.remove();
  }

  #settings(url: string) {
    return {
      url,
      identityFolder: this.folder.join('identity'),
      trustedFolder: this.folder.join('trusted'),
      rootFile: this.folder.join('root.json'),
      slotsFolder: this.folder.join('slots'),
      agentSlotsFolder: this.folder.join('agent-slots'),
      product: 'lamp',
      hardware: 'lamp-r1',
      probe: { kind: 'http', url: `http://127.0.0.1:${this.#port}/`, timeoutMs: 2000 },
      trial: { startWithinMs: 20_000, pollMs: 50, probeTries: 20, probePauseMs: 100 },
      limits: { reserveBytes: 1_000_000 },
      checkEveryMs: 200,
    };
  }

  #start(program: string, args: readonly string[]): RunningProgram {
    const environment = { PATH: process.env.PATH, LAMP_PORT: String(this.#port), ...this.environment };
    const running = startProgram(node[0], [node[1], program, ...args], { environment, timeoutMs: 600_000 });
    this.#running.push(running);
    return running;
  }

  #ask(): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: this.#port, agent: false, timeout: 2000 }, (answer) => {
        answer.once('data', (chunk) => resolve(String(chunk)));
      });
      call.on('error', reject).end();
    });
  }
}

/** Free when it was looked for; the firmware listens on it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether a program runs; its outcome waits for those that hold its output, such as what it started. */
export function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
