import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createApiClient, getThing } from '@fleetward/protocol';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import type { Identity } from '../brokers/broker.ts';
import { type FleetwardBench, startFleetward } from '../brokers/fleetward.ts';
import { cpuSeconds } from '../cpu-seconds.ts';
import { publishArtifact } from '../download/publish-artifact.ts';
import { residentBytes } from '../resident-bytes.ts';

export const contenderNames = ['fleetward-agent', 'bare Node'] as const;
export type ContenderName = (typeof contenderNames)[number];

export interface AgentRun {
  /** From before the process is made until the platform has its first report. */
  readonly connectedMs: number;
  readonly cpuMs: number;
  readonly residentBytes: number;
  readonly mostResidentBytes: number;
}

export interface Contenders extends AsyncDisposable {
  /** A process, and a device, of its own each time. */
  run(name: ContenderName, round: number): Promise<AgentRun>;
}

const withinMs = 60_000;
// As the unit of the agent has it.
const nodeOptions = ['--max-semi-space-size=1'];

/** What a program for a device costs at least here: one report over mutual TLS, and then it waits. */
const bareProgram = (url: string, folder: string) => `
import { request } from 'node:https';
import { readFileSync } from 'node:fs';
const [key, cert, ca] = ['key.pem', 'chain.pem', 'root.pem'].map((name) => readFileSync('${folder}/identity/' + name));
const body = JSON.stringify({ protocolVersion: 3, update: { outcome: 'up-to-date' } });
const headers = { 'content-type': 'application/json', 'content-length': body.length };
request('${url}/v1/report', { method: 'POST', key, cert, ca, headers }, (answer) => answer.resume()).end(body);
setInterval(() => undefined, 60_000);
`;

/** The platform with a published list of releases, the agent as one file, and a device for each run. */
export async function openContenders(rounds: number): Promise<Contenders> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(temporaryFolder('fleetward-agent-bench-'));
  const platform = await startFleetward({
    folder,
    devices: rounds * contenderNames.length,
    profileFolder: undefined,
  });
  opened.defer(platform.broker.stop);
  const { root } = await publishArtifact(Buffer.from('nothing for this device'), platform.operators);
  writeFileSync(folder.join('root.json'), root);
  const bundler = new URL('../../../tools/bundle-agent.ts', import.meta.url).pathname;
  execFileSync(process.execPath, [bundler, folder.join('agent.mjs')], { stdio: 'inherit' });
  const kept = opened.move();
  return {
    run: (name, round) => {
      const identity = platform.identities[round * contenderNames.length + contenderNames.indexOf(name)]!;
      return measure(name, { folder, platform, identity });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

interface Run {
  readonly folder: TemporaryFolder;
  readonly platform: FleetwardBench;
  readonly identity: Identity;
}

async function measure(name: ContenderName, run: Run): Promise<AgentRun> {
  const { platform, identity } = run;
  const args = writeDevice(name, run);
  const api = createApiClient(platform.operators);
  const reportOf = async () => {
    const { report } = await api.call(getThing, { params: { thingName: identity.clientId } });
    return report;
  };
  const startedAtMs = Date.now();
  const child = spawn(process.execPath, [...nodeOptions, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    const first = await until(reportOf);
    await until(async () => ((await reportOf())?.report.update === undefined ? undefined : true));
    await pause(500); // what the pass left is being closed
    const pid = child.pid!;
    const { now, most } = residentBytes(pid);
    return {
      connectedMs: first.receivedAtMs - startedAtMs,
      cpuMs: cpuSeconds(pid) * 1000,
      residentBytes: now,
      mostResidentBytes: most,
    };
  } finally {
    child.kill('SIGKILL');
    api.close();
  }
}

/** Its files, and the arguments of its program. */
function writeDevice(name: ContenderName, { folder, platform, identity }: Run): readonly string[] {
  const home = folder.join(identity.clientId);
  mkdirSync(`${home}/identity`, { recursive: true });
  const url = `https://localhost:${platform.devicesPort}`;
  const files = { key: identity.key, chain: identity.chain, root: platform.broker.ca };
  for (const [file, pem] of Object.entries(files))
    writeFileSync(`${home}/identity/${file}.pem`, pem, { mode: 0o600 });
  const settings = {
    url,
    identityFolder: `${home}/identity`,
    trustedFolder: `${home}/trusted`,
    rootFile: folder.join('root.json'),
    slotsFolder: `${home}/slots`,
    product: 'lamp',
    hardware: 'rev-a',
    probe: { kind: 'process' },
  };
  writeFileSync(`${home}/agent.json`, JSON.stringify(settings));
  writeFileSync(`${home}/bare.mjs`, bareProgram(url, home));
  return name === 'bare Node'
    ? [`${home}/bare.mjs`]
    : [folder.join('agent.mjs'), '--config', `${home}/agent.json`];
}

async function until<Value>(ask: () => Promise<Value | undefined>): Promise<Value> {
  for (const endMs = Date.now() + withinMs; Date.now() < endMs; ) {
    const value = await ask();
    if (value !== undefined) return value;
    await pause(20);
  }
  throw new Error(`it gave no report in ${withinMs} ms`);
}
