import type { JsonObject } from '@fleetward/core';
import type { PublishedRelease } from '../releases/index.ts';
import type { DdiState } from './told-state.ts';

/** Where the client finds things: its own base address, `https://HOST/TENANT/controller/v1/CONTROLLER`. */
export type Base = string;

/** What a device is to install, under the number that it answers with. */
export interface Wanted {
  readonly id: number;
  readonly release: PublishedRelease;
}

export interface Digests {
  readonly sha1: string;
  readonly md5: string;
}

/** The links that tell a client what to do next. */
export function baseDocument(
  base: Base,
  {
    pollSeconds,
    state,
    wanted,
    cancelId,
  }: {
    readonly pollSeconds: number;
    readonly state: DdiState;
    readonly wanted: Wanted | undefined;
    readonly cancelId: number | undefined;
  },
): JsonObject {
  const asks = state.attributes === undefined || state.isAskedAgain;
  const isHeld = wanted !== undefined && !isConfirmed(state, wanted);
  return {
    config: { polling: { sleep: clockText(pollSeconds) } },
    _links: {
      ...(asks ? linkTo('configData', `${base}/configData`) : {}),
      ...(isHeld ? linkTo('confirmationBase', `${base}/confirmationBase/${wanted.id}`) : {}),
      ...(wanted !== undefined && !isHeld
        ? linkTo('deploymentBase', `${base}/deploymentBase/${wanted.id}`)
        : {}),
      ...(cancelId === undefined ? {} : linkTo('cancelAction', `${base}/cancelAction/${cancelId}`)),
      ...(state.installedId === undefined
        ? {}
        : linkTo('installedBase', `${base}/installedBase/${state.installedId}`)),
    },
  };
}

/** Whether the device may have it: it confirmed, or confirms nothing by itself. */
export function isConfirmed(state: DdiState, { id }: Pick<Wanted, 'id'>): boolean {
  return !state.needsConfirmation || state.confirmedId === id;
}

/** Hours, minutes and seconds, below a day. */
function clockText(seconds: number): string {
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

function linkTo(name: string, href: string): JsonObject {
  return { [name]: { href } };
}

/** One chunk with one artifact, as both clients in the field want it. `name` says what kind of document it is. */
export function deploymentDocument(
  name: 'deployment' | 'confirmation',
  at: {
    readonly base: Base;
    readonly wanted: Wanted;
    readonly digests: Digests;
    readonly history?: JsonObject | undefined;
  },
): JsonObject {
  const { wanted, history } = at;
  const { product, version } = wanted.release.release;
  return {
    id: String(wanted.id),
    [name]: {
      download: 'forced',
      update: 'forced',
      chunks: [{ part: 'os', version, name: product, artifacts: [artifactDocument(at)] }],
    },
    ...(history === undefined ? {} : { actionHistory: history }),
  };
}

export function artifactDocument({
  base,
  wanted,
  digests,
}: {
  readonly base: Base;
  readonly wanted: Wanted;
  readonly digests: Digests;
}): JsonObject {
  const { sha256, lengthBytes } = wanted.release;
  const { sha1, md5 } = digests;
  const filename = fileNameOf(wanted.release);
  const href = `${base}/softwaremodules/${wanted.id}/artifacts/${encodeURIComponent(filename)}`;
  return {
    filename,
    hashes: { sha1, md5, sha256 },
    size: lengthBytes,
    _links: { download: { href }, md5sum: { href: `${href}.MD5SUM` } },
  };
}

/** The last part of the target path. */
export function fileNameOf({ path }: Pick<PublishedRelease, 'path'>): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
