import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chunkIndexPath, createChunkIndexer, formatChunkIndex, type NewTarget } from '@fleetward/updates';
import { streamInput } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';
import { artifactPath, keepArtifact } from './release-artifacts.ts';

/** A smaller image is fetched whole. */
const indexedBytesMin = 1_048_576;

/** Cuts a kept artifact into chunks and keeps their index beside it; none for an image too small or too large for one. */
export async function keepChunkIndex(
  release: NewTarget,
  { folder, terminal }: { readonly folder: string; readonly terminal: Terminal },
): Promise<NewTarget | undefined> {
  if (release.length < indexedBytesMin) return undefined;
  const indexer = createChunkIndexer();
  for await (const piece of streamInput(artifactPath(folder, release.sha256), terminal)) indexer.push(piece);
  const bytes = formatChunkIndex(indexer.end());
  if (bytes === undefined) return undefined;
  const file = join(folder, 'artifacts', `${process.pid}.chunks`);
  try {
    writeFileSync(file, bytes, { mode: 0o600 });
    const path = chunkIndexPath(release.path);
    return await keepArtifact(file, { folder, path, custom: { document: 'chunks' }, terminal });
  } finally {
    rmSync(file, { force: true });
  }
}
