import { getMetadataFile, listMetadata } from '@fleetward/protocol';
import { documentPath, openReleaseFolder, pathOfRelease, readUpload, type Upload } from '@fleetward/updates';
import type { Shell } from '../shell.ts';
import { type ListedTarget, listTargets } from './release-targets.ts';

export interface Listed {
  readonly roles: readonly { readonly name: string; readonly version: number }[];
  /** A document is a target that a release beside it links to: an SBOM, an attestation, an index of chunks, a patch. */
  readonly targets: readonly (ListedTarget & { readonly isDocument: boolean })[];
}

/** The releases of a folder, or of the platform when none is given. */
export async function readListed(folder: string | undefined, shell: Shell): Promise<Listed> {
  const { roles, lists } = await (folder === undefined ? readPublished(shell) : readFolder(folder));
  const targets = lists.flatMap(listTargets);
  const linked = new Set(targets.flatMap(linksOf));
  const paths = new Set(targets.map(({ path }) => path));
  return {
    roles,
    targets: targets.map((target) => ({
      ...target,
      isDocument:
        linked.has(`${target.path} ${target.sha256}`) || paths.has(pathOfRelease(target.path) ?? ''),
    })),
  };
}

function readPublished(shell: Shell) {
  return shell.withApi(async (api) => {
    const { roles } = await api.call(listMetadata);
    // The other roles are delegated lists.
    const ofLists = roles.filter(({ name }) => !['root', 'snapshot', 'timestamp'].includes(name));
    const lists: Uint8Array[] = [];
    for (const { name, version } of ofLists)
      lists.push(await api.call(getMetadataFile, { params: { file: `${version}.${name}.json` } }));
    return { roles, lists };
  });
}

async function readFolder(path: string) {
  const upload = await readUpload(await openReleaseFolder(path), Number.MAX_SAFE_INTEGER);
  return { roles: [], lists: listsOf(upload) };
}

/** The list of releases and those of delegated products. */
export function listsOf({ targets, delegated }: Upload): readonly Uint8Array[] {
  return [...(targets === undefined ? [] : [targets]), ...(delegated?.values() ?? [])];
}

function linksOf({ path, record: { sbom, provenance } }: ListedTarget): readonly string[] {
  return [
    ...(sbom === undefined ? [] : [`${documentPath(path, 'sbom')} ${sbom}`]),
    ...(provenance === undefined ? [] : [`${documentPath(path, 'provenance')} ${provenance.sha256}`]),
  ];
}
