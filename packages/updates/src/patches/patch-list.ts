import { type Json, type JsonObject, parseSha256, type Sha256 } from '@fleetward/core';
import { UpdatesError } from '../errors.ts';
import { isObject } from '../metadata/envelope.ts';
import { patchedBytesMax } from './patch.ts';

/** A patch that leads to the release which names it: a target beside it, see `patchPath`. */
export interface PatchLink {
  /** The image it starts from. */
  readonly base: FileLink;
  readonly sha256: Sha256;
  readonly length: number;
}

interface FileLink {
  readonly sha256: Sha256;
  /** Bytes. */
  readonly length: number;
}

/** Patches of one release: they are for the few versions that most of a fleet has. */
export const patchesMax = 8;

/** The target path of the patch that leads to a release from this image. */
export function patchPath(releasePath: string, base: { readonly sha256: string }): string {
  return `${releasePath}.${base.sha256}.patch`;
}

/** The member of a release's `custom` field; none without patches. */
export function customOfPatches(patches: readonly PatchLink[]): JsonObject {
  if (patches.length > patchesMax)
    throw new UpdatesError('updates.target_invalid', `a release has ${patchesMax} patches at most`);
  return patches.length === 0 ? {} : { patches: patches.map(linkJson) };
}

function linkJson({ base, sha256, length }: PatchLink): JsonObject {
  return { base: { sha256: base.sha256, length: base.length }, sha256, length };
}

/** Reads the patches out of a release's `custom` field; what is not of its form is left out: without it more is fetched. */
export function parsePatches({ patches }: JsonObject): readonly PatchLink[] {
  if (!Array.isArray(patches) || patches.length > patchesMax) return [];
  return patches.flatMap((value) => {
    const patch = fileLink(value);
    const base = patch && isObject(value) ? fileLink(value.base) : undefined;
    return patch && base ? [{ base, ...patch }] : [];
  });
}

function fileLink(value: Json | undefined): FileLink | undefined {
  if (!isObject(value)) return undefined;
  const { sha256, length } = value;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  if (typeof length !== 'number' || !Number.isSafeInteger(length)) return undefined;
  if (length < 0 || length > patchedBytesMax) return undefined;
  return { sha256: parseSha256(sha256), length };
}
