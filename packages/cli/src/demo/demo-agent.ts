import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  agentProgram,
  type CheckOutcome,
  type DeviceIdentity,
  openIdentityFolder,
  starterProgram,
} from '@fleetward/device';
import { parseCertificatesPem } from '@fleetward/pki';
import { devicesUrl, type World } from './world.ts';

/** A device's update agent and starter, as the processes they are on a device. */
export interface DemoAgent {
  /** One pass of the agent, in a process of its own. */
  checkOnce(): Promise<CheckOutcome>;
  /** What the firmware itself answers. */
  runningVersion(): Promise<string>;
}

export async function startDemoAgent(
  world: World,
  device: {
    readonly identity: DeviceIdentity;
    readonly product: string;
    readonly hardware: string;
    readonly root: Uint8Array;
  },
): Promise<DemoAgent> {
  const folder = join(world.folder, 'device');
  const port = await freePort();
  const configFile = writeConfig(world, { ...device, folder, port });
  const starter = spawn(
    process.execPath,
    [
      ...process.execArgv,
      starterProgram,
      '--slots',
      join(folder, 'slots'),
      '--poll-ms',
      '50',
      '--',
      process.execPath,
      '{image}',
    ],
    { stdio: 'ignore', env: { ...process.env, FIRMWARE_PORT: String(port) } },
  );
  world.undo.push(() => endProcess(starter));
  return {
    checkOnce: () => runAgent(world, configFile),
    runningVersion: () => askVersion(port),
  };
}

function writeConfig(
  world: World,
  device: {
    readonly identity: DeviceIdentity;
    readonly product: string;
    readonly hardware: string;
    readonly root: Uint8Array;
    readonly folder: string;
    readonly port: number;
  },
): string {
  const { identity, product, hardware, root, folder, port } = device;
  const identityFolder = join(folder, 'identity');
  mkdirSync(identityFolder, { recursive: true, mode: 0o700 });
  writeFileSync(join(identityFolder, 'key.pem'), identity.key, { mode: 0o600 });
  const chain = parseCertificatesPem(identity.chain).map(({ der }) => der);
  openIdentityFolder(identityFolder).write({
    chain,
    roots: parseCertificatesPem(identity.root).map(({ der }) => der),
  });
  const rootFile = join(folder, 'root.json');
  writeFileSync(rootFile, root);
  const config = {
    url: devicesUrl(world),
    identityFolder,
    trustedFolder: join(folder, 'trusted'),
    rootFile,
    slotsFolder: join(folder, 'slots'),
    product,
    hardware,
    probe: { kind: 'http', url: `http://127.0.0.1:${port}/`, timeoutMs: 1_000 },
    trial: { startWithinMs: 15_000, pollMs: 50, probeTries: 15, probePauseMs: 200 },
  };
  const configFile = join(folder, 'agent.json');
  writeFileSync(configFile, JSON.stringify(config));
  return configFile;
}

async function runAgent(world: World, configFile: string): Promise<CheckOutcome> {
  const agent = spawn(
    process.execPath,
    [...process.execArgv, agentProgram, '--config', configFile, '--once'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 40_000,
    },
  );
  world.undo.push(() => endProcess(agent));
  const [output, errors] = await Promise.all([agent.stdout.toArray(), agent.stderr.toArray()]);
  const line = Buffer.concat(output).toString('utf8');
  if (line === '')
    throw new Error(`the agent ended without an outcome: ${Buffer.concat(errors).toString('utf8').trim()}`);
  return JSON.parse(line) as CheckOutcome;
}

/** The starter needs a moment to start the firmware it went back to. */
async function askVersion(port: number): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer?.ok === true) return answer.text();
    await pause(100);
  }
  throw new Error('no firmware answers');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(force);
}
