import { readFileSync } from 'node:fs';
import { requireProgram } from '@fleetward/testkit';
import { cut, hash } from '../chunks/cut.ts';
import { type ChunkDelta, chunkDelta } from '../chunks/deltas.ts';
import { isThere, ownPatchDelta, type PatchDelta, patchDelta, patchers } from '../chunks/patches.ts';
import { type Speed, speedOf, spentByProgram, spentOn } from '../chunks/speed.ts';
import { median } from '../figures.ts';
import type { Releases } from '../options.ts';
import { formatTable } from '../report.ts';
import type { Field, LibraryBench } from './bench.ts';

const wishedSizes = [4, 8, 16, 32, 64].map((kibibytes) => kibibytes * 1_024);

type Conditions = Pick<Field, 'options' | 'progress' | 'signal'>;

/** Cutting by content beside the hash alone, and what is fetched of a release by who has the one before. */
export const chunks: LibraryBench = {
  name: 'chunks',
  async runAlone(conditions) {
    const { releases } = conditions.options;
    const file = releases?.newFile ?? process.execPath;
    const speeds = await measureSpeeds(file, conditions);
    const cutting = { figures: { bench: this.name, speeds }, text: speedTable(speeds) };
    if (releases === undefined) {
      conditions.progress(
        'chunks: name two releases by --old and --new to see what is fetched; see bench/README.md',
      );
      return cutting;
    }
    const deltas = await measureDeltas(releases, conditions);
    return { figures: { ...cutting.figures, ...deltas }, text: `${cutting.text}\n${deltaTable(deltas)}` };
  },
};

type Speeds = Readonly<Record<'fleetward' | 'node:crypto' | 'sha256sum', readonly Speed[]>>;

async function measureSpeeds(file: string, { options, progress, signal }: Conditions): Promise<Speeds> {
  const image = readFileSync(file);
  const sha256sum = requireProgram('sha256sum', 'coreutils');
  const runs: Record<keyof Speeds, Speed[]> = { fleetward: [], 'node:crypto': [], sha256sum: [] };
  cut(image); // so that it is compiled
  for (let round = 0; round < options.rounds; round++) {
    signal.throwIfAborted();
    progress(`chunks, round ${round + 1} of ${options.rounds}`);
    runs.fleetward.push(
      speedOf(
        image.length,
        spentOn(() => cut(image)),
      ),
    );
    runs['node:crypto'].push(
      speedOf(
        image.length,
        spentOn(() => hash(image)),
      ),
    );
    runs.sha256sum.push(speedOf(image.length, await spentByProgram(sha256sum, [file])));
  }
  return runs;
}

interface Deltas {
  readonly imageBytes: number;
  readonly chunked: readonly ChunkDelta[];
  readonly patched: Readonly<Record<string, PatchDelta>>;
}

async function measureDeltas(releases: Releases, { progress, signal }: Conditions): Promise<Deltas> {
  const images = { old: readFileSync(releases.oldFile), new: readFileSync(releases.newFile) };
  progress('chunks: what the client plans');
  const chunked = wishedSizes.map((wishedBytes) => chunkDelta(images, wishedBytes));
  progress('chunks: our patch');
  const patched: Record<string, PatchDelta> = { 'fleetward release patch': await ownPatchDelta(images) };
  for (const patcher of patchers) {
    signal.throwIfAborted();
    if (isThere(patcher)) {
      progress(`chunks: ${patcher.name}`);
      patched[patcher.name] = await patchDelta(patcher, releases);
    } else progress(`chunks: ${patcher.name} is left out: apt-get install ${patcher.debianPackage}`);
  }
  return { imageBytes: images.new.length, chunked, patched };
}

function speedTable(speeds: Speeds): string {
  const rows = Object.entries(speeds).map(([name, runs]) => [
    name,
    String(median(runs.map((run) => run.megabytesPerSecond))),
    String(median(runs.map((run) => run.megabytesPerCpuSecond))),
  ]);
  const title = 'chunks: cutting by content and SHA-256 of each chunk, beside SHA-256 of all';
  return formatTable(title, ['', 'MB/s', 'MB/CPU second'], rows);
}

function deltaTable({ imageBytes, chunked, patched }: Deltas): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2);
  const share = (bytes: number) => `${((100 * bytes) / imageBytes).toFixed(1)} %`;
  const ours = chunked.map(({ wishedBytes, indexBytes, rangeBytes, requests, lackedBytes, cpuSeconds }) => {
    const fetched = indexBytes + rangeBytes;
    const parts = [megabytes(indexBytes), megabytes(lackedBytes), String(requests)];
    return [
      `chunks, ${wishedBytes / 1_024} KiB`,
      megabytes(fetched),
      share(fetched),
      ...parts,
      cpuSeconds.toFixed(1),
    ];
  });
  const theirs = Object.entries(patched).map(([name, { patchBytes, cpuSeconds, applyCpuSeconds }]) => {
    const cpu = `${cpuSeconds.toFixed(1)} + ${applyCpuSeconds.toFixed(1)}`;
    return [name, megabytes(patchBytes), share(patchBytes), '', '', '', cpu];
  });
  const title = `chunks: MB fetched of an image of ${megabytes(imageBytes)} MB by who has the one before`;
  const head = ['', 'fetched', 'of the image', 'index', 'lacked', 'ranges', 'CPU s'];
  return formatTable(title, head, [...ours, ...theirs]);
}
