import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DeviceIdentity } from '@fleetward/device';
import { encodePem } from '@fleetward/pki';
import { type ApiClient, createApiClient, type DenialCause, listDenials } from '@fleetward/protocol';
import {
  initialise,
  loadConfig,
  type Platform,
  startPlatform,
  systemClock,
  systemRandom,
} from '@fleetward/server';
import { must } from './story.ts';

/** Everything the story builds up as it goes. */
export interface World {
  /** Throw-away folder of this run. */
  readonly folder: string;
  readonly platform: Platform;
  readonly rootPem: string;
  readonly setupToken: string;
  /** How long init and start took. */
  readonly startedInMs: number;
  /** With the setup step's operator token, once there is one. */
  api: ApiClient;
  operatorToken: string;
  readonly devices: Map<string, DeviceIdentity>;
  /** What must be ended or removed, newest last. */
  readonly undo: (() => Promise<void> | void)[];
}

const local = { host: '127.0.0.1', port: 0 };

/** Initialises a platform in a fresh folder and starts it on free ports of the loopback interface. */
export async function createWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'fleetward-demo-'));
  const undo: World['undo'] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const started = performance.now();
    const listeners = { mqtt: local, devices: local, public: local, operators: local };
    const config = loadConfig({
      overrides: { folder: join(folder, 'platform'), listeners, logLevel: 'silent' },
    });
    const ports = { clock: systemClock, random: systemRandom, environment: process.env };
    const { root, setupToken } = await initialise(config, ports);
    const platform = await startPlatform(config, ports);
    undo.push(() => platform.stop());
    const rootPem = encodePem('CERTIFICATE', root.der);
    writeFileSync(join(folder, 'root-ca.pem'), rootPem);
    const api = createApiClient({ baseUrl: operatorsUrl(platform), ca: rootPem });
    undo.push(() => world.api.close());
    const world: World = {
      folder,
      platform,
      rootPem,
      setupToken,
      startedInMs: performance.now() - started,
      api,
      operatorToken: '',
      devices: new Map(),
      undo,
    };
    return world;
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}

export async function unwind(undo: World['undo']): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

export function operatorsUrl(platform: Platform): string {
  return `https://localhost:${platform.ports.operators}`;
}

export function devicesUrl({ platform }: World): string {
  return `https://localhost:${platform.ports.devices}`;
}

export function mqttUrl({ platform }: World): string {
  return `mqtts://localhost:${platform.ports.mqtt}`;
}

export function deviceOf(world: World, name: string): DeviceIdentity {
  const device = world.devices.get(name);
  must(device !== undefined, `there is no device \`${name}\`: an earlier step failed`);
  return device;
}

/** The newest denial the platform tells its operator; it must be of this cause. */
export async function explanationOf(world: World, cause: DenialCause): Promise<string> {
  const { denials } = await world.api.call(listDenials, { query: { limit: 1 } });
  must(
    denials[0]?.cause === cause,
    `the platform names \`${denials[0]?.cause ?? 'nothing'}\` as the cause, not \`${cause}\``,
  );
  return denials[0].explanation;
}

const run = promisify(execFile);

/** Runs the `openssl` program as people do by hand. */
export async function openssl(args: readonly string[], input?: string): Promise<string> {
  const running = run('openssl', [...args], { timeout: 30_000, maxBuffer: 1_048_576 });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

export async function findOpenssl(): Promise<string | undefined> {
  try {
    return (await openssl(['version'])).trim();
  } catch {
    return undefined; // named in the table: keys and requests are then made by the device SDK
  }
}
