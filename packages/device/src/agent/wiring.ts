import { realpathSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '@fleetward/core';
import { getDeviceMetadata } from '@fleetward/protocol';
import type { Fetcher } from '@fleetward/updates';
import { DeviceError } from '../errors.ts';
import { nodeFiles } from '../files/node-files.ts';
import { commandInstaller } from '../installer/command.ts';
import type { Installer } from '../installer/installer.ts';
import { socketInstaller } from '../installer/socket.ts';
import { type DeviceIdentity, openIdentityFolder } from '../sdk/identity.ts';
import { connectPlatform, isRenewalAsked, report } from '../sdk/platform-client.ts';
import { openUpdateClient } from '../sdk/update-client.ts';
import { openSlotFolder } from '../slots/folder.ts';
import { type Agent, createAgent } from './agent.ts';
import { powerSupplies, readBatteryPercent } from './battery.ts';
import type { AgentConfig } from './config.ts';
import { platformFetcher } from './fetcher.ts';
import type { InstallerSettings } from './installer-settings.ts';
import { renewWhenDue } from './keep-identity.ts';
import { probeHealth } from './probe.ts';
import { createSelfUpdate, type SelfUpdate, type SelfUpdateParts } from './self-update.ts';
import { startedFrom } from './started-from.ts';

/** An agent on the real file system and network; `close` ends its connections. */
export interface OpenAgent {
  readonly agent: Agent;
  close(): void;
}

export interface OpenAgentOptions {
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Of the process: in it the starter says what it started. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Puts an agent together from its settings. The device must be enrolled. */
export async function openAgent(
  config: AgentConfig,
  { clock, log, environment }: OpenAgentOptions,
): Promise<OpenAgent> {
  const enrolled = openIdentityFolder(config.identityFolder).read();
  if (enrolled === undefined)
    throw new DeviceError(
      'device.not_enrolled',
      `\`${config.identityFolder}\` holds no certificate: enrol first`,
    );
  nodeFiles.makeFolder(config.slotsFolder);
  let identity = enrolled;
  let api = connectPlatform(identity, { url: config.url });
  const use = (next: DeviceIdentity) => {
    if (next === identity) return;
    identity = next;
    api.close();
    api = connectPlatform(next, { url: config.url });
  };
  const { model, limits } = config;
  const current: Pick<typeof api, 'download'> = { download: (...of) => api.download(...of) };
  const pace = { bytesPerSecondMin: limits.bytesPerSecondMin, monotonicMs: () => performance.now() };
  const fetcher = platformFetcher(current, pace);
  const client = await openUpdateClient({
    ...config,
    api: current,
    thingName: config.thingName ?? enrolled.name,
    product: model.product,
    bytesPerSecondMin: limits.bytesPerSecondMin,
    clock,
  });
  const shared = { client, files: nodeFiles, model, limits };
  const agent = createAgent({
    ...shared,
    folder: openSlotFolder(nodeFiles, realpathSync(config.slotsFolder)),
    self: openSelfUpdate(config.agentSlotsFolder, { ...shared, environment, log }),
    trial: {
      settings: config.trial,
      probe: (version) =>
        probeHealth(config.probe, {
          version,
          askPlatform: async (signal) => {
            const asked = { params: { file: 'timestamp.json' }, signal };
            for await (const _ of (await api.download(getDeviceMetadata, asked)).bytes);
          },
        }),
      pause: (ms) => pause(ms),
      isAlive,
    },
    installation: config.installer && {
      installer: openInstaller(config.installer, { environment, fetcher }),
      attemptsMax: config.installer.attemptsMax,
    },
    batteryPercent: () => readBatteryPercent(powerSupplies),
    renewIdentity: async () =>
      use(await renewWhenDue(identity, { ...config, clock, log, isAsked: () => isRenewalAsked(api) })),
    sendReport: (facts) => report(api, facts),
    log,
  });
  return { agent, close: () => api.close() };
}

/** A program of the agent's own rights, or the service that has more. */
function openInstaller(
  { socket, ...settings }: InstallerSettings,
  { environment, fetcher }: Pick<OpenAgentOptions, 'environment'> & { readonly fetcher: Fetcher },
): Installer {
  return socket === undefined
    ? commandInstaller(settings, environment)
    : socketInstaller({ ...settings, socket }, fetcher);
}

/** An agent that no starter of its own slots runs stays as it is: nobody could go back to it. */
function openSelfUpdate(
  path: string | undefined,
  { environment, log, ...parts }: Omit<SelfUpdateParts, 'folder' | 'startedFrom'> & Rim,
): SelfUpdate | undefined {
  if (path === undefined) return undefined;
  nodeFiles.makeFolder(path);
  const from = startedFrom(path, environment);
  if (from === undefined) log(`not started by a starter of \`${path}\`: the agent does not update itself`);
  const folder = openSlotFolder(nodeFiles, realpathSync(path));
  return from && createSelfUpdate({ ...parts, folder, startedFrom: from });
}

type Rim = Pick<OpenAgentOptions, 'environment' | 'log'>;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'; // of another user, but there
  }
}
