import type { UpdateClient } from '@fleetward/updates';
import { DeviceError } from '../errors.ts';
import type { Files } from '../files/files.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { isOnTrial, type SlotsState } from '../slots/state.ts';
import { chooseTarget, type DeviceModel, type Offer } from './choose-target.ts';
import { installRelease } from './install.ts';
import type { CheckOutcome } from './outcome.ts';
import { settleTrial, type TrialParts } from './trial.ts';

/** What a pass works with; everything that is not deterministic comes from here. */
export interface CheckParts {
  readonly client: Pick<UpdateClient, 'refresh' | 'targets' | 'download'>;
  readonly files: Files;
  readonly folder: SlotFolder;
  readonly model: DeviceModel;
  readonly trial: Omit<TrialParts, 'folder'>;
  readonly limits: CheckLimits;
}

export interface CheckLimits {
  /** Bytes that must stay free on the disk. */
  readonly reserveBytes: number;
  readonly refreshWithinMs: number;
  readonly downloadWithinMs: number;
}

/**
 * One pass: judge what is on trial, else refresh the metadata, choose, install and judge. Idempotent: stopped anywhere,
 * by a power cut too, the next pass goes on from what is durable.
 */
export async function checkOnce(parts: CheckParts, stop?: AbortSignal): Promise<CheckOutcome> {
  const { client, folder, model, limits } = parts;
  const state = readState(folder);
  if (isOnTrial(state)) return settleTrial(state, trialParts(parts, stop));
  const refreshed = await within(limits.refreshWithinMs, {
    stop,
    work: (signal) => client.refresh({ signal }),
  });
  if (refreshed.kind === 'refused' || refreshed.kind === 'unreachable') return refreshed;
  const choice = chooseTarget(client.targets(), { model, state });
  if (choice.kind === 'refused') return choice;
  if (choice.kind === 'none') return { kind: 'current', version: versionOf(state) };
  return install(choice.offer, { parts, state, stop });
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
  const { reserveBytes } = limits;
  const installed = await within(limits.downloadWithinMs, {
    stop,
    work: (signal) => installRelease(offer, { client, files, folder, reserveBytes, state, signal }),
  });
  return installed.kind === 'switched' ? settleTrial(installed.state, trialParts(parts, stop)) : installed;
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

function versionOf({ confirmed, slots }: SlotsState): string | undefined {
  return confirmed && slots[confirmed]?.version;
}

interface Bounded<Result> {
  readonly stop: AbortSignal | undefined;
  readonly work: (signal: AbortSignal) => Promise<Result>;
}

/** A server that takes too long is as good as none; being told to stop is passed on. */
async function within<Result>(
  limitMs: number,
  { stop, work }: Bounded<Result>,
): Promise<Result | Extract<CheckOutcome, { kind: 'unreachable' }>> {
  const limit = AbortSignal.timeout(limitMs);
  try {
    return await work(stop === undefined ? limit : AbortSignal.any([limit, stop]));
  } catch (error) {
    if (!limit.aborted || error !== limit.reason) throw error;
    return { kind: 'unreachable', path: '', explanation: `not done within ${limitMs} ms` };
  }
}
