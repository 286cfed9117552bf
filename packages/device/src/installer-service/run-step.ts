import { join } from 'node:path';
import { parseRelease, type Target, type UpdateClient } from '@fleetward/updates';
import { type DeviceModel, flawOf, type Offer } from '../agent/choose-target.ts';
import type { Files } from '../files/files.ts';
import type { Installer, InstallerAnswer } from '../installer/installer.ts';
import type { StepRequest } from '../installer/step.ts';
import { readServiceNotes, writeServiceNotes } from './notes.ts';

export interface ServiceParts {
  /** With trusted metadata of the service's own, over what the agent passes on. */
  readonly client: Pick<UpdateClient, 'refresh' | 'targets' | 'download'>;
  readonly installer: Installer;
  readonly files: Files;
  /** Its own: the agent can neither read nor write there. */
  readonly folder: string;
  readonly model: DeviceModel;
  /** Bytes that must stay free on the disk. */
  readonly reserveBytes: number;
  readonly stop: AbortSignal;
}

type Image = NonNullable<StepRequest['image']>;
type Refusal = Exclude<InstallerAnswer, { kind: 'done' }>;

/**
 * One step for an agent that is not trusted with it: nothing is installed but the bytes of a release that this process verified
 * by itself, from the offline root on, and nothing else is switched to or kept.
 */
export async function runStep({ verb, image }: StepRequest, parts: ServiceParts): Promise<InstallerAnswer> {
  if (image === undefined) return parts.installer.ask(verb, { stop: parts.stop });
  switch (verb) {
    case 'install':
      return install(image, parts);
    case 'switch':
    case 'confirm':
      return isInstalled(image, parts) ? goOn(verb, image, parts) : neverInstalled(image);
    default:
      return goOn(verb, image, parts);
  }
}

async function install(image: Image, parts: ServiceParts): Promise<InstallerAnswer> {
  const { files, folder, installer, stop } = parts;
  const path = pathOfImage(parts);
  files.remove(path); // what a power cut left
  const found = await findRelease(image, parts);
  if ('kind' in found) return found;
  try {
    const flaw = await keepVerified(found.target, parts);
    if (flaw !== undefined) return flaw;
    const { securityVersion } = found.release;
    const { securityFloor } = readServiceNotes(files, folder);
    // What is half installed is nothing that can be switched to.
    writeServiceNotes(files, folder, { securityFloor, installed: undefined });
    const answer = await installer.ask('install', { image: { ...image, path }, stop });
    const installed = { sha256: image.sha256, securityVersion };
    if (answer.kind === 'done') writeServiceNotes(files, folder, { securityFloor, installed });
    return answer;
  } finally {
    files.remove(path);
  }
}

/** The release that has these bytes, if the device may have it. */
async function findRelease(image: Image, parts: ServiceParts): Promise<Offer | Refusal> {
  const { client, files, folder, model, stop } = parts;
  const refreshed = await client.refresh({ signal: stop });
  if (refreshed.kind === 'unreachable') return { kind: 'again', explanation: refreshed.explanation };
  if (refreshed.kind === 'refused') return refused(refreshed);
  const offers = client.targets().flatMap((target) => {
    const release = target.sha256 === image.sha256 ? parseRelease(target.custom) : undefined;
    const isMeant = release?.version === image.version && target.length === image.lengthBytes;
    return isMeant && isFirmwareOf(model, release) ? [{ target, release }] : [];
  });
  const [offer] = offers;
  if (offer === undefined)
    return failed(`no release of ${model.product} that is signed for has these bytes as ${image.version}`);
  const { securityFloor } = readServiceNotes(files, folder);
  const flaw = flawOf(offer, { model, state: { securityFloor, rejected: [] } });
  return flaw === undefined ? offer : refused(flaw);
}

function isFirmwareOf(model: DeviceModel, { product, component = 'firmware' }: Offer['release']): boolean {
  return product === model.product && component === 'firmware';
}

/** Takes the bytes to where the agent cannot change them any more, verified as they come. */
async function keepVerified(target: Target, parts: ServiceParts): Promise<Refusal | undefined> {
  const { client, files, folder, reserveBytes, stop } = parts;
  const freeBytes = files.freeBytes(folder);
  if (freeBytes < target.length + reserveBytes)
    return again(`${target.length + reserveBytes} bytes are needed for the image, ${freeBytes} are free`);
  const writer = files.create(pathOfImage(parts));
  try {
    const sink = { write: async (chunk: Uint8Array) => writer.write(chunk) };
    const outcome = await client.download(target, sink, { signal: stop });
    if (outcome.kind === 'refused') return refused(outcome);
    return outcome.kind === 'unreachable' ? again(outcome.explanation) : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT'))
      return again(error.message);
    throw error;
  } finally {
    writer.close();
  }
}

async function goOn(
  verb: 'switch' | 'confirm' | 'rollback' | 'status',
  image: Image,
  parts: ServiceParts,
): Promise<InstallerAnswer> {
  const { installer, files, folder, stop } = parts;
  const answer = await installer.ask(verb, { image: { ...image, path: pathOfImage(parts) }, stop });
  if (verb === 'confirm' && answer.kind === 'done') {
    const notes = readServiceNotes(files, folder);
    const securityFloor = Math.max(notes.securityFloor, notes.installed?.securityVersion ?? 0);
    writeServiceNotes(files, folder, { ...notes, securityFloor });
  }
  return answer;
}

function isInstalled({ sha256 }: Image, { files, folder }: ServiceParts): boolean {
  return readServiceNotes(files, folder).installed?.sha256 === sha256;
}

function neverInstalled({ version }: Image): Refusal {
  return failed(`${version} is not what was installed last`);
}

function pathOfImage({ folder }: Pick<ServiceParts, 'folder'>): string {
  return join(folder, 'image');
}

function refused(flaw: { readonly step: string; readonly reason: string; readonly explanation: string }) {
  return failed(`${flaw.reason} (${flaw.step}): ${flaw.explanation}`);
}

function failed(why: string): Refusal {
  return { kind: 'failed', explanation: `the installer service refused: ${why}` };
}

function again(explanation: string): Refusal {
  return { kind: 'again', explanation };
}
