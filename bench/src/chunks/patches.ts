import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { findProgram, temporaryFolder } from '@fleetward/testkit';
import { applyPatch, makePatch } from '@fleetward/updates';
import type { Releases } from '../options.ts';
import { hash } from './cut.ts';
import type { Images } from './deltas.ts';
import { spentByProgram, spentOnAsync } from './speed.ts';

/** Ours, in this process: making it, and what a device does with it. */
export async function ownPatchDelta(images: Images): Promise<PatchDelta> {
  const made = await spentOnAsync(() => makePatch(images.old, images.new));
  const applied = await spentOnAsync(async () => {
    const sha256 = createHash('sha256');
    const options = { base: images.old, lengthBytes: images.new.length };
    for await (const piece of applyPatch(made.result, options)) sha256.update(piece);
    return sha256.digest('hex');
  });
  if (applied.result !== hash(images.new)) throw new Error('our patch does not make the new image');
  const { seconds, cpuSeconds, result } = made;
  return { patchBytes: result.length, seconds, cpuSeconds, applyCpuSeconds: applied.cpuSeconds };
}

/** A foreign program that makes patches. */
export interface Patcher {
  readonly name: string;
  readonly program: string;
  readonly debianPackage: string;
  make(files: Files): readonly string[];
  apply(files: Files): readonly string[];
}

interface Files extends Releases {
  readonly patchFile: string;
  readonly madeFile: string;
}

export interface PatchDelta {
  readonly patchBytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly applyCpuSeconds: number;
}

/** Both may look at all of the old image: xdelta3 would keep 64 MiB of it, and one of zstd's windows is 128 MiB. */
export const patchers: readonly Patcher[] = [
  ...(['none', 'lzma'] as const).map(
    (second): Patcher => ({
      name: `xdelta3 -9 -S ${second}`,
      program: 'xdelta3',
      debianPackage: 'xdelta3',
      make: ({ oldFile, newFile, patchFile }) => [
        '-e',
        '-f',
        '-9',
        '-S',
        second,
        '-B',
        sourceWindow(oldFile),
        '-s',
        oldFile,
        newFile,
        patchFile,
      ],
      apply: ({ oldFile, patchFile, madeFile }) => [
        '-d',
        '-f',
        '-B',
        sourceWindow(oldFile),
        '-s',
        oldFile,
        patchFile,
        madeFile,
      ],
    }),
  ),
  {
    name: 'zstd -19 --long=27',
    program: 'zstd',
    debianPackage: 'zstd',
    make: ({ oldFile, newFile, patchFile }) => [
      '-q',
      '-f',
      '-19',
      '--long=27',
      `--patch-from=${oldFile}`,
      newFile,
      '-o',
      patchFile,
    ],
    apply: ({ oldFile, patchFile, madeFile }) => [
      '-q',
      '-f',
      '-d',
      '--long=27',
      `--patch-from=${oldFile}`,
      patchFile,
      '-o',
      madeFile,
    ],
  },
];

function sourceWindow(oldFile: string): string {
  return String(Math.max(statSync(oldFile).size, 1_048_576));
}

export function isThere({ program }: Patcher): boolean {
  return findProgram(program) !== undefined;
}

/** Makes a patch and applies it; throws when that does not give the new image again. */
export async function patchDelta(patcher: Patcher, releases: Releases): Promise<PatchDelta> {
  using folder = temporaryFolder('fleetward-patch-');
  const files = { ...releases, patchFile: folder.join('patch'), madeFile: folder.join('made') };
  const program = findProgram(patcher.program) ?? patcher.program;
  const { seconds, cpuSeconds } = await spentByProgram(program, patcher.make(files));
  const applied = await spentByProgram(program, patcher.apply(files));
  if (hash(readFileSync(files.madeFile)) !== hash(readFileSync(releases.newFile)))
    throw new Error(`the patch of ${patcher.name} does not make the new image`);
  const patchBytes = statSync(files.patchFile).size;
  return { patchBytes, seconds, cpuSeconds, applyCpuSeconds: applied.cpuSeconds };
}
