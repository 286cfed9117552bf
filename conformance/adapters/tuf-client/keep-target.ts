import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceDurably } from '@fleetward/core/durable-file';
import type { DownloadOutcome, Target, UpdateClient } from '@fleetward/updates';

/** Downloads a target into a folder, unless it is there already; one that does not verify leaves what was there. */
export async function keepTarget(
  folder: string,
  { client, target }: { readonly client: UpdateClient; readonly target: Target },
): Promise<DownloadOutcome> {
  const path = join(folder, encodeURIComponent(target.path));
  if (existsSync(path) && sha256Of(readFileSync(path)) === target.sha256)
    return { kind: 'downloaded', bytes: target.length };
  const chunks: Uint8Array[] = [];
  const outcome = await client.download(target, { write: async (chunk) => void chunks.push(chunk) });
  if (outcome.kind === 'downloaded') replaceDurably(path, Buffer.concat(chunks));
  return outcome;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
