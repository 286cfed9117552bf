import { createHash } from 'node:crypto';
import { type JsonObject, parseSha256 } from '@fleetward/core';
import { UpdatesError } from '../errors.ts';
import { isTargetPath } from '../metadata/target-path.ts';
import type { NewTarget } from './draft.ts';

/** Reads a file once, streaming, for its length and SHA-256. The path is the name devices ask for. */
export async function describeTarget(
  path: string,
  { content, custom }: { readonly content: AsyncIterable<Uint8Array>; readonly custom: JsonObject },
): Promise<NewTarget> {
  if (!isTargetPath(path)) {
    const expected = 'relative, up to 512 characters, without empty, `.` or `..` segments';
    throw new UpdatesError(
      'updates.target_invalid',
      `\`${path.slice(0, 64)}\` is not a target path: ${expected}`,
    );
  }
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { path, length, sha256: parseSha256(hash.digest('hex')), custom };
}
