import type { UpdateClient } from '@fleetward/updates';
import { DeviceError } from '../errors.ts';
import type { Files } from '../files/files.ts';
import { askStatus } from '../installer/status.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { confirmedVersion, isOnTrial, type SlotsState } from '../slots/state.ts';
import { chooseTarget, type DeviceModel, type Offer } from './choose-target.ts';
import { installRelease } from './install.ts';
import { type CheckOutcome, type Refused, refusedByDevice } from './outcome.ts';
import { type Installation, settleInstallation } from './settle-installation.ts';
import { settleTrial, type TrialOutcome, type TrialParts } from './trial.ts';
import { within } from './within.ts';

/** What a pass works with; everything that is not deterministic comes from here. */
export interface CheckParts {
  readonly client: Pick<UpdateClient, 'refresh' | 'isDirected' | 'targets' | 'refusedLists' | 'download'>;
  readonly files: Files;
  readonly folder: SlotFolder;
  readonly model: DeviceModel;
  readonly trial: Omit<TrialParts, 'folder'>;
  /** What makes images run where that is not the starter. */
  readonly installation?: Installation | undefined;
  readonly limits: CheckLimits;
  /** Replaces the agent itself, when there is a newer one; answers whether it is about to be ended for it. */
  replaceAgent?(): Promise<boolean> | undefined;
}

export interface CheckLimits {
  /** Bytes that must stay free on the disk. */
  readonly reserveBytes: number;
  readonly refreshWithinMs: number;
  /** Of one pass; the next one goes on where it stopped. */
  readonly downloadWithinMs: number;
  /** A download is made durable, to be gone on with, each time so many bytes more have come. */
  readonly checkpointBytes: number;
  /** A slower repository is as good as none. */
  readonly bytesPerSecondMin: number;
}

/**
 * One pass: judge what is on trial, else refresh the metadata, choose, install and judge. Idempotent: stopped anywhere,
 * by a power cut too, the next pass goes on from what is durable.
 */
export async function checkOnce(parts: CheckParts, stop?: AbortSignal): Promise<CheckOutcome> {
  const { client, folder, model, limits } = parts;
  const state = readState(folder);
  const trial = isOnTrial(state) ? await settle(state, { parts, stop }) : undefined;
  if (trial !== undefined && trial.kind !== 'waiting') return trial;
  const refreshed = await within(limits.refreshWithinMs, {
    stop,
    work: (signal) => client.refresh({ signal }),
  });
  if (refreshed.kind === 'refused' || refreshed.kind === 'unreachable') return trial ?? refreshed;
  // The agent comes first: a newer one may be what can install the newest firmware.
  if (await parts.replaceAgent?.()) return { kind: 'agent-first' };
  if (trial !== undefined) return trial;
  const running = await runningVersion(parts, stop);
  if (running.kind === 'refused') return running;
  const choice = chooseTarget(client.targets(), {
    component: 'firmware',
    model,
    state,
    isDirected: client.isDirected(),
    ...(running.version !== undefined && { factoryVersion: running.version }),
  });
  if (choice.kind === 'refused') return choice;
  // Nothing newer, as far as could be known.
  if (choice.kind === 'none') return client.refusedLists()[0] ?? upToDate(state, running.version);
  return install(choice.offer, { parts, state, stop });
}

/** What the installer says that runs; nothing where the starter is asked, which runs what it was told to. */
async function runningVersion(
  { installation }: CheckParts,
  stop: AbortSignal | undefined,
): Promise<{ readonly kind: 'known'; readonly version: string | undefined } | Refused> {
  if (installation === undefined) return { kind: 'known', version: undefined };
  const status = await askStatus(installation.installer, stop);
  if (status.kind === 'known') return { kind: 'known', version: status.running };
  return refusedByDevice('installer', { reason: 'installer-failed', explanation: status.explanation });
}

/** An installer that lost, later, what it confirmed is told of. */
function upToDate(state: SlotsState, running: string | undefined): CheckOutcome {
  const version = confirmedVersion(state);
  if (version === undefined || running === undefined || running === version)
    return { kind: 'current', version: version ?? running };
  const explanation = `${version} was confirmed, and the installer says that ${running} runs`;
  return refusedByDevice('installer', { reason: 'not-what-runs', explanation });
}

/** The slots as they stand. Throws when `slots.json` is damaged: nothing may be changed then. */
function readState(folder: SlotFolder): SlotsState {
  const read = folder.readSlots();
  if (read.kind === 'ok') return read.state;
  throw new DeviceError('device.slots_damaged', `\`${folder.path}/slots.json\`: ${read.explanation}`);
}

async function install(
  offer: Offer,
  { parts, state, stop }: { parts: CheckParts; state: SlotsState; stop: AbortSignal | undefined },
): Promise<CheckOutcome> {
  const { client, files, folder, limits } = parts;
  const installed = await within(limits.downloadWithinMs, {
    stop,
    work: (signal) => installRelease(offer, { client, files, folder, limits, state, signal }),
  });
  return installed.kind === 'switched' ? settle(installed.state, { parts, stop }) : installed;
}

/** Judges what is on trial, by whoever makes it run. */
function settle(
  state: SlotsState,
  { parts, stop }: { readonly parts: CheckParts; readonly stop: AbortSignal | undefined },
): Promise<TrialOutcome> {
  const trial = trialParts(parts, stop);
  const { installation } = parts;
  return installation === undefined
    ? settleTrial(state, trial)
    : settleInstallation(state, { ...trial, ...installation, stop });
}

/** Told to stop, the agent leaves a trial where it is: the next pass goes on with it. */
function trialParts({ trial, folder }: CheckParts, stop: AbortSignal | undefined): TrialParts {
  const pause = async (ms: number) => {
    stop?.throwIfAborted();
    await trial.pause(ms);
    stop?.throwIfAborted();
  };
  return { ...trial, folder, pause };
}
