import { getMetadataFile, listMetadata } from '@fleetward/protocol';
import { documentPath, openReleaseFolder, readUpload } from '@fleetward/updates';
import type { Shell } from '../shell.ts';
import { type ListedTarget, listTargets } from './release-targets.ts';

export interface Listed {
  readonly roles: readonly { readonly name: string; readonly version: number }[];
  /** A document is a target that a release beside it links to. */
  readonly targets: readonly (ListedTarget & { readonly isDocument: boolean })[];
}

/** The releases of a folder, or of the platform when none is given. */
export async function readListed(folder: string | undefined, shell: Shell): Promise<Listed> {
  const { roles, bytes } = await (folder === undefined ? readPublished(shell) : readFolder(folder));
  const targets = bytes === undefined ? [] : listTargets(bytes);
  const linked = new Set(targets.flatMap(linksOf));
  return {
    roles,
    targets: targets.map((target) => ({
      ...target,
      isDocument: linked.has(`${target.path} ${target.sha256}`),
    })),
  };
}

function readPublished(shell: Shell) {
  return shell.withApi(async (api) => {
    const { roles } = await api.call(listMetadata);
    const version = roles.find(({ name }) => name === 'targets')?.version;
    if (version === undefined) return { roles, bytes: undefined };
    return {
      roles,
      bytes: await api.call(getMetadataFile, { params: { file: `${version}.targets.json` } }),
    };
  });
}

async function readFolder(path: string) {
  const { targets } = await readUpload(await openReleaseFolder(path), Number.MAX_SAFE_INTEGER);
  return { roles: [], bytes: targets };
}

function linksOf({ path, record: { sbom, provenance } }: ListedTarget): readonly string[] {
  return [
    ...(sbom === undefined ? [] : [`${documentPath(path, 'sbom')} ${sbom}`]),
    ...(provenance === undefined ? [] : [`${documentPath(path, 'provenance')} ${provenance.sha256}`]),
  ];
}
