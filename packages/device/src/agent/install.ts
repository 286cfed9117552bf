import { dirname, join } from 'node:path';
import type { UpdateClient } from '@fleetward/updates';
import { DeviceError } from '../errors.ts';
import type { Files, FileWriter } from '../files/files.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { nextSlots, type SlotEvent, slotForInstall } from '../slots/rules.ts';
import type { SlotsState } from '../slots/state.ts';
import type { Offer } from './choose-target.ts';
import { type CheckOutcome, refusedByDevice } from './outcome.ts';

export interface InstallParts {
  readonly client: Pick<UpdateClient, 'download'>;
  readonly files: Files;
  readonly folder: SlotFolder;
  /** Bytes that must stay free on the disk. */
  readonly reserveBytes: number;
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
  files.remove(staging);
  const flaw = spaceFlaw(offer, parts) ?? (await fetchTo(staging, { offer, signal, ...parts }));
  if (flaw !== undefined) {
    files.remove(staging);
    return flaw;
  }
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

function spaceFlaw(
  { target, release }: Offer,
  { files, folder, reserveBytes }: InstallParts,
): Flaw | undefined {
  const freeBytes = files.freeBytes(folder.path);
  const neededBytes = target.length + reserveBytes;
  if (freeBytes >= neededBytes) return undefined;
  const explanation = `${neededBytes} bytes are needed, ${freeBytes} are free`;
  return { kind: 'no-space', version: release.version, explanation };
}

interface Fetch extends InstallParts {
  readonly offer: Offer;
  readonly signal: AbortSignal;
}

async function fetchTo(staging: string, options: Fetch): Promise<Flaw | undefined> {
  const { offer, files } = options;
  const writer = files.create(staging);
  try {
    const flaw = await downloadTo(writer, options);
    if (flaw !== undefined) return flaw;
    writer.sync();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return { kind: 'no-space', version: offer.release.version, explanation: error.message };
  } finally {
    writer.close();
  }
  return verifyAgain(staging, options);
}

async function downloadTo(writer: FileWriter, { offer, client, signal }: Fetch): Promise<Flaw | undefined> {
  const sink = { write: async (chunk: Uint8Array) => writer.write(chunk) };
  const outcome = await client.download(offer.target, sink, { signal });
  return outcome.kind === 'downloaded' ? undefined : outcome;
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
