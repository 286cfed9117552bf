import { readFileSync, realpathSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '@fleetward/core';
import { createUpdateClient, installRoot, openFileStore, type TrustedStore } from '@fleetward/updates';
import { DeviceError } from '../errors.ts';
import { nodeFiles } from '../files/node-files.ts';
import { type DeviceIdentity, openIdentityFolder } from '../sdk/identity.ts';
import { connectPlatform, report } from '../sdk/platform-client.ts';
import { openSlotFolder } from '../slots/folder.ts';
import { type Agent, createAgent } from './agent.ts';
import type { AgentConfig } from './config.ts';
import { platformFetcher } from './fetcher.ts';
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
  const store = await openFileStore(config.trustedFolder);
  await trustFirstRoot(store, config.rootFile);
  nodeFiles.makeFolder(config.slotsFolder);
  let identity = enrolled;
  let api = connectPlatform(identity, { url: config.url });
  const use = (next: DeviceIdentity) => {
    if (next === identity) return;
    identity = next;
    api.close();
    api = connectPlatform(next, { url: config.url });
  };
  const fetcher = platformFetcher(
    { download: (...of) => api.download(...of) },
    { bytesPerSecondMin: config.limits.bytesPerSecondMin, monotonicMs: () => performance.now() },
  );
  const { model, limits } = config;
  const shared = { client: createUpdateClient({ store, fetcher, clock }), files: nodeFiles, model, limits };
  const agent = createAgent({
    ...shared,
    folder: openSlotFolder(nodeFiles, realpathSync(config.slotsFolder)),
    self: openSelfUpdate(config.agentSlotsFolder, { ...shared, environment, log }),
    trial: {
      settings: config.trial,
      probe: () => probeHealth(config.probe),
      pause: (ms) => pause(ms),
      isAlive,
    },
    renewIdentity: async () => use(await renewWhenDue(identity, { ...config, clock, log })),
    sendReport: (facts) => report(api, facts),
    log,
  });
  return { agent, close: () => api.close() };
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

/** A root that is trusted already is kept; only the chain of signatures replaces it. */
async function trustFirstRoot(store: TrustedStore, rootFile: string): Promise<void> {
  if ((await store.read('root')) !== undefined) return;
  const outcome = await installRoot(store, readFileSync(rootFile));
  if (outcome.kind === 'refused')
    throw new DeviceError('device.root_refused', `\`${rootFile}\`: ${outcome.explanation}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'; // of another user, but there
  }
}
