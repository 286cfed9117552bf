import { type JsonObject, parseSha256, parseStrictJson, type Sha256 } from '@fleetward/core';
import { type PublishedFile, parseRelease, pathOfRelease, type Release } from '@fleetward/updates';
import { Type } from 'typebox';
import { Check } from 'typebox/value';

/** A target as the newest targets metadata lists it. */
export interface ListedTarget {
  readonly path: string;
  readonly lengthBytes: number;
  readonly sha256: Sha256;
  /** What it says of itself, where it is a release. */
  readonly release?: Release;
  /** All of that, as it was signed. */
  readonly custom?: JsonObject;
}

/** A target that is a release. */
export type PublishedRelease = ListedTarget & { readonly release: Release };

export function isRelease(target: ListedTarget): target is PublishedRelease {
  return target.release !== undefined;
}

const targetsShape = Type.Object({
  signed: Type.Object({
    targets: Type.Record(
      Type.String(),
      Type.Object({
        length: Type.Integer({ minimum: 0 }),
        hashes: Type.Object({ sha256: Type.String() }),
        custom: Type.Optional(Type.Object({})),
      }),
    ),
  }),
});

/** The targets of metadata that `@fleetward/updates` has verified. */
export function listTargets(verified: Uint8Array): readonly ListedTarget[] {
  const value = parseStrictJson(verified, { bytesMax: verified.length, depthMax: 64 });
  if (!Check(targetsShape, value)) throw new TypeError('verified targets metadata is not of its form');
  return Object.entries(value.signed.targets).map(([path, { length, hashes, custom }]) => {
    const signed = (custom ?? {}) as JsonObject; // parsed from JSON a moment ago
    const release = parseRelease(signed);
    const target = { path, lengthBytes: length, sha256: parseSha256(hashes.sha256) };
    return { ...target, ...(release === undefined ? {} : { release, custom: signed }) };
  });
}

/** The name a device asks for, decoded: `[FOLDER/]HASH.NAME` (TUF 6.2, consistent snapshots). */
export function consistentName({ path, sha256 }: Pick<ListedTarget, 'path' | 'sha256'>): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}${sha256}.${path.slice(slash)}`;
}

/** The release that a target is the index of chunks of, or a patch to, so that whoever may have one may have the other; else the target itself. */
export function releaseBehind(target: ListedTarget, targets: Iterable<ListedTarget>): ListedTarget {
  const path = pathOfRelease(target.path);
  if (path === undefined) return target;
  for (const release of targets) if (release.path === path) return release;
  return target;
}

/** A role's name and version. */
export interface RoleVersion {
  readonly name: string;
  readonly version: number;
}

/** What a metadata file name asks for; without a version it is the newest, as only `timestamp.json` is asked for. */
export function parseMetadataName(
  file: string,
): { readonly name: string; readonly version?: number } | undefined {
  const match = /^(?:([1-9][0-9]{0,15})\.)?([a-z0-9_-]{1,64})\.json(\.mldsa65)?$/.exec(file);
  const [, version, role, second = ''] = match ?? [];
  if (role === undefined) return undefined;
  const name = `${role}${second}`; // second signatures are kept as a role of their own
  if (version === undefined) return name === 'timestamp' ? { name } : undefined;
  return name === 'timestamp' ? undefined : { name, version: Number(version) };
}

/** The role and version of a file that was just made. */
export function roleOf(file: PublishedFile, versions: { readonly timestamp: number }): RoleVersion {
  const parsed = parseMetadataName(file.path.replace(/^metadata\//, ''));
  if (parsed === undefined) throw new TypeError(`\`${file.path}\` is not the path of a metadata file`);
  return { name: parsed.name, version: parsed.version ?? versions.timestamp };
}
