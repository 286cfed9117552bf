import { parseSha256, toBase64 } from '@fleetward/core';
import { type ApiClient, listArtifacts, listMetadata, publishMetadata } from '@fleetward/protocol';
import { openReleaseFolder, readUpload, type Upload } from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError } from '../errors.ts';
import type { Shell } from '../shell.ts';
import { uploadArtifact } from '../upload-artifact.ts';
import { artifactPath, hasArtifact } from './release-artifacts.ts';
import { listsOf } from './release-read.ts';
import { type ListedTarget, listTargets } from './release-targets.ts';

/** `fleetward release publish`: from the engineer's folder to the devices. */
export function addReleasePublish(noun: Command, shell: Shell): void {
  addVerb(noun, 'publish <folder>', {
    summary: 'upload artifacts and signed lists, and publish them',
    description:
      'Uploads the artifacts the platform does not have yet and publishes the signed root and list of releases. The platform checks everything as a device ' +
      'will; published is all of it or nothing. May be repeated after a failure: an upload that broke off goes on where it stopped.',
    examples: ['fleetward release publish releases'],
  }).action(async (folder: string) => {
    const releases = await openReleaseFolder(folder);
    const { uploaded, roles } = await shell.withApi(async (api) => {
      const { roles: published } = await api.call(listMetadata);
      const rootVersion = published.find(({ name }) => name === 'root')?.version ?? 0;
      const upload = await readUpload(releases, rootVersion);
      const targets = listsOf(upload).flatMap(listTargets);
      const uploaded = await uploadMissing(targets, { api, folder, shell });
      const answer = await api.call(publishMetadata, { body: bodyOf(upload) });
      return { uploaded, roles: answer.roles };
    });
    const versions = roles.map(({ name, version }) => `${name} ${version}`).join(', ');
    const artifacts = uploaded.length === 1 ? '1 artifact' : `${uploaded.length} artifacts`;
    shell.output.done({ uploaded, roles }, `published: ${versions}; ${artifacts} uploaded`);
  });
}

function bodyOf({ roots, targets, second, delegated }: Upload) {
  return {
    roots: roots.map(toBase64),
    ...(targets === undefined ? {} : { targets: toBase64(targets) }),
    ...(second && { second: textsOf(second) }),
    ...(delegated && { delegated: textsOf(delegated) }),
  };
}

function textsOf(files: ReadonlyMap<string, Uint8Array>): Readonly<Record<string, string>> {
  return Object.fromEntries([...files].map(([name, bytes]) => [name, toBase64(bytes)]));
}

interface Uploading {
  readonly api: ApiClient;
  readonly folder: string;
  readonly shell: Shell;
}

async function uploadMissing(targets: readonly ListedTarget[], to: Uploading): Promise<readonly string[]> {
  const { artifacts } = await to.api.call(listArtifacts);
  const present = new Set(artifacts.map(({ sha256 }) => sha256));
  const missing = new Map(
    targets.filter(({ sha256 }) => !present.has(sha256)).map((target) => [target.sha256, target]),
  );
  for (const target of missing.values()) await uploadOne(target, to);
  return [...missing.keys()];
}

async function uploadOne(target: ListedTarget, { api, folder, shell }: Uploading): Promise<void> {
  const sha256 = parseSha256(target.sha256);
  if (!hasArtifact(folder, sha256)) {
    throw new CliError('cli.unreadable', `\`${folder}\` does not hold the artifact of \`${target.path}\``, {
      hint: `put the file with the SHA-256 ${sha256} at \`${artifactPath(folder, sha256)}\``,
    });
  }
  const { path: label, lengthBytes } = target;
  await uploadArtifact({ path: artifactPath(folder, sha256), sha256, lengthBytes, label }, { api, shell });
}
