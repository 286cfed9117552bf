import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Outcome,
  type RunningProgram,
  runProgram,
  startProgram,
  type TemporaryFolder,
} from '@fleetward/testkit';
import { expect, vi } from 'vitest';

const script = join(import.meta.dirname, 'systemd-machine.sh');
const environment = { PATH: process.env.PATH };

/** Users of the machine beside root. */
export const agentUser = { uid: 900, gid: 900 } as const;

/** A machine of its own in namespaces, with systemd as its first process; it shares the network of this one. */
export class SystemdMachine implements AsyncDisposable {
  readonly #program: RunningProgram;
  readonly #group: string;
  readonly #init: string;

  private constructor(parts: { program: RunningProgram; group: string; init: string }) {
    this.#program = parts.program;
    this.#group = parts.group;
    this.#init = parts.init;
  }

  /** Starts it with these files, in `files` of the folder, and what a Debian has in `/etc`; enabled units are linked there. */
  static async start(folder: TemporaryFolder): Promise<SystemdMachine> {
    writeEtc(folder.join('files/etc'));
    mkdirSync(folder.join('root'));
    const group = join(unifiedGroups(), `fleetward-test-${process.pid}`);
    mkdirSync(group);
    const unshare = 'unshare --mount --pid --fork --kill-child=SIGKILL --ipc --uts --cgroup';
    const started = `echo $$ >"$1"; shift; exec ${unshare} /bin/sh "$@"`;
    const given = [
      `${group}/cgroup.procs`,
      script,
      folder.join('root'),
      folder.join('files'),
      process.execPath,
    ];
    const program = startProgram('/bin/sh', ['-euc', started, 'start', ...given], {
      environment,
      timeoutMs: 600_000,
    });
    const init = await vi.waitFor(() => childOf(program.pid), { timeout: 20_000 });
    const machine = new SystemdMachine({ program, group, init });
    const isUp = async () => {
      const asked = await machine.run('systemctl', 'is-active', 'multi-user.target');
      expect(asked.stdout.toString()).toBe('active\n');
    };
    await vi.waitFor(isUp, { timeout: 60_000, interval: 200 }).catch(async (error: unknown) => {
      await machine[Symbol.asyncDispose]();
      throw error;
    });
    return machine;
  }

  /** Runs a program of the machine in it, as root. */
  run(...command: readonly string[]): Promise<Outcome> {
    const inside = ['--mount', '--pid', '--uts', '--ipc', '--cgroup', '--root', '--wd=/'];
    return runProgram('nsenter', ['--target', this.#init, ...inside, '--', ...command], { environment });
  }

  async sh(command: string): Promise<string> {
    const ran = await this.run('/bin/sh', '-euc', command);
    if (ran.code !== 0) throw new Error(`${command}: ${ran.stderr}`);
    return ran.stdout.toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#program.kill('SIGKILL'); // and with its first process all of the machine
    await this.#program.outcome;
    await vi.waitFor(() => removeGroup(this.#group), { timeout: 20_000 });
  }
}

/** Where groups of processes are kept in the unified hierarchy, the one that systemd manages. */
function unifiedGroups(): string {
  const mounted = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(
    readFileSync('/proc/self/mountinfo', 'utf8'),
  )?.[1];
  if (mounted === undefined) throw new Error('no cgroup2 is mounted');
  return mounted;
}

/** Throws while its processes are still ending. */
function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  rmdirSync(group);
}

function childOf(pid: number): string {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  if (!child) throw new Error(`${pid} has no child yet`);
  return child;
}

function writeEtc(etc: string): void {
  mkdirSync(etc, { recursive: true });
  const write = (name: string, lines: readonly string[]) =>
    writeFileSync(join(etc, name), `${lines.join('\n')}\n`);
  const { uid, gid } = agentUser;
  write('passwd', [
    'root:x:0:0::/root:/bin/sh',
    'nobody:x:65534:65534::/:/usr/sbin/nologin',
    `fleetward-agent:x:${uid}:${gid}::/var/lib/fleetward-agent:/usr/sbin/nologin`,
  ]);
  write('group', ['root:x:0:', 'nogroup:x:65534:', `fleetward-agent:x:${gid}:`]);
  write('nsswitch.conf', ['passwd: files', 'group: files', 'hosts: files']);
  write('hosts', ['127.0.0.1 localhost']);
  write('machine-id', ['00000000000000000000000000000001']);
}
