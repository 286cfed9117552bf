import { dirname, join } from 'node:path';
import type { LocalImage, UpdateClient } from '@fleetward/updates';
import { DeviceError } from '../errors.ts';
import type { Files } from '../files/files.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { nextSlots, type SlotEvent, slotForInstall } from '../slots/rules.ts';
import { type SlotsState, slotNames } from '../slots/state.ts';
import type { CheckLimits } from './check-once.ts';
import type { Offer } from './choose-target.ts';
import { type CheckOutcome, refusedByDevice } from './outcome.ts';
import { openPartialImage, type PartialImage } from './partial-image.ts';

export interface InstallParts {
  readonly client: Pick<UpdateClient, 'download'>;
  readonly files: Files;
  readonly folder: SlotFolder;
  readonly limits: Pick<CheckLimits, 'reserveBytes' | 'checkpointBytes'>;
}

export type InstallOutcome =
  | { readonly kind: 'switched'; readonly state: SlotsState }
  | Extract<CheckOutcome, { kind: 'refused' | 'unreachable' | 'no-space' }>;

/**
 * Brings a release into the slot that is not relied on and switches to it, on trial. The bytes are verified while they
 * stream and once more from the disk; before the switch nothing that is relied on has changed.
 */
export async function installRelease(
  offer: Offer,
  { state, signal, ...parts }: InstallParts & { readonly state: SlotsState; readonly signal: AbortSignal },
): Promise<InstallOutcome> {
  const { files, folder } = parts;
  const imagePath = folder.imagePath(slotForInstall(state));
  const staging = join(dirname(imagePath), 'image.staging');
  const flaw = await fetchTo(staging, { offer, signal, local: localImages(offer, parts), ...parts });
  if (flaw !== undefined) return flaw;
  files.rename(staging, imagePath);
  files.syncFolder(dirname(imagePath));
  const { target, release } = offer;
  const image = {
    version: release.version,
    securityVersion: release.securityVersion,
    sha256: target.sha256,
    lengthBytes: target.length,
  };
  return { kind: 'switched', state: changeSlots(folder, { state, event: { kind: 'installed', image } }) };
}

/** Applies an event that the rules allow, durably; the caller has made sure that it is. */
export function changeSlots(
  folder: SlotFolder,
  { state, event }: { readonly state: SlotsState; readonly event: SlotEvent },
): SlotsState {
  const transition = nextSlots(state, event);
  if (transition.kind === 'illegal')
    throw new DeviceError('device.slots_misused', `cannot note \`${event.kind}\`: ${transition.explanation}`);
  folder.writeSlots(transition.state);
  return transition.state;
}

type Flaw = Exclude<InstallOutcome, { kind: 'switched' }>;

interface Fetch extends InstallParts {
  readonly offer: Offer;
  readonly signal: AbortSignal;
  /** Images that may have some of the bytes. */
  readonly local: readonly LocalImage[];
}

/** What the slots hold, relied on or not, for a release that can be put together from it. */
function localImages({ target }: Offer, { files, folder }: InstallParts): readonly LocalImage[] {
  if (target.custom.chunks === undefined && target.custom.patches === undefined) return [];
  return slotNames.flatMap((slot) => {
    const path = folder.imagePath(slot);
    const lengthBytes = files.lengthBytes(path);
    if (lengthBytes === undefined) return [];
    return [{ lengthBytes, read: (startByte, length) => files.pieces(path, length, startByte) }];
  });
}

/** Goes on with what an interrupted download of the same bytes left, and keeps what comes of this one. */
async function fetchTo(staging: string, options: Fetch): Promise<Flaw | undefined> {
  const { offer, files, limits } = options;
  const { target } = offer;
  const partial = openPartialImage(files, { staging, target, checkpointBytes: limits.checkpointBytes });
  if (partial.kept === undefined) partial.forget(); // what is left of another one takes up space
  const flaw =
    spaceFlaw(partial, options) ?? (await download(partial, options)) ?? verifyAgain(staging, options);
  if (flaw === undefined || flaw.kind === 'unreachable') return flaw;
  partial.forget();
  // The disk may be what spoiled the part that was kept or put together: that is not yet said of the repository.
  const isAboutDisk = (partial.kept !== undefined || options.local.length > 0) && flaw.kind === 'refused';
  return isAboutDisk ? fetchTo(staging, { ...options, local: [] }) : flaw;
}

function spaceFlaw(
  { kept }: PartialImage,
  { offer: { target, release }, files, folder, limits }: Fetch,
): Flaw | undefined {
  const freeBytes = files.freeBytes(folder.path);
  const neededBytes = target.length - (kept?.lengthBytes ?? 0) + limits.reserveBytes;
  if (freeBytes >= neededBytes) return undefined;
  const explanation = `${neededBytes} bytes are needed, ${freeBytes} are free`;
  return { kind: 'no-space', version: release.version, explanation };
}

async function download(
  partial: PartialImage,
  { offer, client, signal, local }: Fetch,
): Promise<Flaw | undefined> {
  const sink = { write: async (chunk: Uint8Array) => partial.write(chunk) };
  try {
    const outcome = await client.download(offer.target, sink, { signal, kept: partial.kept, local });
    if (outcome.kind === 'downloaded') return void partial.finish();
    if (outcome.kind === 'unreachable') partial.suspend();
    return outcome;
  } catch (error) {
    if (isDiskFull(error))
      return { kind: 'no-space', version: offer.release.version, explanation: error.message };
    partial.suspend(); // told to stop, or out of time
    throw error;
  }
}

/** What the disk gives back is what counts. */
function verifyAgain(staging: string, { offer: { target }, files }: Fetch): Flaw | undefined {
  const found = files.digest(staging);
  if (found?.sha256 === target.sha256 && found.lengthBytes === target.length) return undefined;
  const explanation = 'what was read back from the disk is not what was verified when it was written';
  return refusedByDevice(target.path, { reason: 'not-verified-again', explanation });
}

function isDiskFull(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
