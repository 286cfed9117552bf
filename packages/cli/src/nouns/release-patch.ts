import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSha256, type Sha256 } from '@fleetward/core';
import {
  applyPatch,
  makePatch,
  openReleaseFolder,
  patchedBytesMax,
  patchPath,
  patchRelease,
  readTargets,
  readUpload,
  type Target,
} from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError, usage } from '../errors.ts';
import { parseDurationMs } from '../moment.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { artifactPath, keepArtifact } from './release-artifacts.ts';
import { listsOf } from './release-read.ts';

interface PatchFlags {
  readonly from: string;
  readonly to: string;
  readonly expires: string;
}

/** More than this share of the image, and a patch is not worth its place. */
const patchShareMax = 0.5;

/** `fleetward release patch`: what leads from one image to another, for devices that have the one. */
export function addReleasePatch(noun: Command, shell: Shell): void {
  addVerb(noun, 'patch <folder>', {
    summary: 'make a patch from one version to another',
    description:
      'Makes a patch (zstd, with the old image as its dictionary) from one image to a release in the folder, and lists it beside that release, unsigned until `release sign`. A device that has the very image it starts from ' +
      'fetches it instead of the new image, verifies what it makes, and goes back to chunks or the whole image where anything fails. For the few versions that most of a fleet has: up to 8 a release, images up to 128 MiB. ' +
      'It takes a minute or two and 2 GB of memory for images of that size.',
    examples: [
      'fleetward release patch releases --from lamp/1.4.2/lamp.img --to lamp/1.5.0/lamp.img',
      'fleetward release patch releases --from old/lamp-1.4.1.img --to lamp/1.5.0/lamp.img',
    ],
  })
    .requiredOption('--from <path-or-file>', 'the old image: the path of a release in the folder, or a file')
    .requiredOption('--to <path>', 'the release that it leads to, by its path in the folder')
    .option('--expires <duration>', 'when the list of releases must be signed anew', '90d')
    .action(async (folder: string, { from, to, expires }: PatchFlags) => {
      const expiresMs = shell.terminal.clock.now() + parseDurationMs(expires, '--expires');
      const releases = await openReleaseFolder(folder);
      const targets = listsOf(await readUpload(releases, Number.MAX_SAFE_INTEGER)).flatMap(readTargets);
      const { base, result } = await readImages(targets, { from, to, folder, terminal: shell.terminal });
      const path = patchPath(to, base);
      const patch = await makeVerified({ base, result });
      const { sha256, length } = await keepPatch(patch, { folder, path, shell });
      const link = { base: { sha256: base.sha256, length: base.length }, sha256, length };
      await patchRelease(releases, { path: to, link, expiresMs });
      shell.output.record(
        { path, ...link, result: { sha256: result.sha256, length: result.length } },
        {
          path,
          bytes: length,
          'of the image': `${((100 * length) / result.length).toFixed(1)} %`,
          next: `fleetward release sign ${folder} --key FILE`,
        },
      );
    });
}

interface Image {
  readonly bytes: Uint8Array;
  readonly sha256: Sha256;
  readonly length: number;
}

interface Images {
  readonly base: Image;
  readonly result: Image;
}

async function readImages(
  targets: readonly Target[],
  { from, to, folder, terminal }: { from: string; to: string; folder: string; terminal: Terminal },
): Promise<Images> {
  const listed = (path: string) => targets.find((target) => target.path === path);
  const result = listed(to);
  if (result === undefined)
    throw usage(`there is no release \`${to}\``, `\`fleetward release list ${folder}\` shows their paths`);
  const old = listed(from);
  const read = async (target: Target) =>
    sameAs(target, await readImage(artifactPath(folder, target.sha256), terminal));
  const base = await (old === undefined ? readImage(from, terminal) : read(old));
  if (base.sha256 === result.sha256) throw usage('`--from` and `--to` are the same image');
  return { base, result: await read(result) };
}

async function readImage(file: string, terminal: Terminal): Promise<Image> {
  const bytes = await readInput(file, { terminal, bytesMax: patchedBytesMax });
  const sha256 = parseSha256(createHash('sha256').update(bytes).digest('hex'));
  return { bytes, sha256, length: bytes.length };
}

function sameAs({ path, sha256 }: Target, image: Image): Image {
  if (image.sha256 === sha256) return image;
  throw new CliError('cli.unreadable', `the folder has other bytes of \`${path}\` than its list says`);
}

/** Made, and applied as a device will. */
async function makeVerified({ base, result }: Images): Promise<Uint8Array> {
  const patch = await makePatch(base.bytes, result.bytes);
  if (patch.length > patchShareMax * result.length)
    throw usage(
      `the patch would have ${patch.length} bytes of ${result.length}: it saves too little`,
      'the chunks of a release serve devices of every version, without a patch',
    );
  const made = createHash('sha256');
  const lengthBytes = result.length;
  for await (const piece of applyPatch(patch, { base: base.bytes, lengthBytes })) made.update(piece);
  if (made.digest('hex') === result.sha256) return patch;
  throw new TypeError('the patch does not make the image that it was made for');
}

async function keepPatch(
  bytes: Uint8Array,
  { folder, path, shell }: { readonly folder: string; readonly path: string; readonly shell: Shell },
) {
  const file = join(folder, 'artifacts', `${process.pid}.patch`);
  try {
    writeFileSync(file, bytes, { mode: 0o600 });
    return await keepArtifact(file, { folder, path, custom: {}, terminal: shell.terminal });
  } finally {
    rmSync(file, { force: true });
  }
}
