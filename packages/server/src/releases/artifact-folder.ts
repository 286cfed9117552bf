import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, type Sha256, toHex } from '@fleetward/core';
import { createFolderDurably, syncFolder, unfinishedSuffix } from '@fleetward/core/durable-file';
import { ReleaseError } from './errors.ts';

/** The bytes of artifacts, each in a file named by its SHA-256: a name stands for whole and right bytes or nothing. */
export interface ArtifactFolder {
  /** Resolves to the length once the bytes are durable under their name. Throws `ReleaseError` and leaves nothing. */
  put(sha256: Sha256, bytes: AsyncIterable<Uint8Array>): Promise<number>;
  /** Both ends are included; an empty range reads nothing. */
  read(sha256: Sha256, range: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
}

export interface ArtifactFolderOptions {
  readonly path: string;
  readonly random: Random;
  /** Largest artifact, bytes. */
  readonly artifactBytesMax: number;
  /** Uploads at once. Default 8. */
  readonly uploadsMax?: number;
}

/** Opens the folder and removes what a crash left unfinished: none of it was acknowledged. */
export async function openArtifactFolder(options: ArtifactFolderOptions): Promise<ArtifactFolder> {
  const { path } = options;
  createFolderDurably(path);
  for (const name of await readdir(path)) {
    if (name.endsWith(unfinishedSuffix)) await rm(join(path, name), { force: true });
  }
  let uploads = 0;
  return {
    put: async (sha256, bytes) => {
      if (uploads >= (options.uploadsMax ?? 8)) {
        throw new ReleaseError('releases.too_many_uploads', 'too many uploads at once: try again');
      }
      uploads++;
      try {
        return await putArtifact(options, sha256, bytes);
      } finally {
        uploads--;
      }
    },
    read: (sha256, { start, end }) =>
      end < start ? nothing() : createReadStream(join(path, sha256), { start, end }),
  };
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

/** Content synced, then renamed to its name, then the folder synced. */
async function putArtifact(
  options: ArtifactFolderOptions,
  sha256: Sha256,
  bytes: AsyncIterable<Uint8Array>,
): Promise<number> {
  const unfinished = join(options.path, `${toHex(options.random.bytes(16))}${unfinishedSuffix}`);
  try {
    const written = await writeHashed(unfinished, bytes, options.artifactBytesMax);
    if (written.sha256 !== sha256) throw digestMismatch(sha256, written.sha256);
    await rename(unfinished, join(options.path, sha256));
    syncFolder(options.path);
    return written.lengthBytes;
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw isDiskFull(cause) ? diskFull(cause) : cause;
  }
}

async function writeHashed(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<{ readonly sha256: string; readonly lengthBytes: number }> {
  const hash = createHash('sha256');
  let lengthBytes = 0;
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of bytes) {
    lengthBytes += chunk.length;
    if (lengthBytes > bytesMax) throw tooLarge(bytesMax);
    hash.update(chunk);
    await writeAll(file, chunk);
  }
  await file.sync();
  return { sha256: hash.digest('hex'), lengthBytes };
}

/** One `write` may write less than it was given. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, offset);
    offset += bytesWritten;
  }
}

function digestMismatch(expected: Sha256, found: string): ReleaseError {
  return new ReleaseError(
    'releases.digest_mismatch',
    `the bytes have the SHA-256 \`${found}\`, not \`${expected}\`: nothing was stored`,
    { details: { expected, found } },
  );
}

function tooLarge(bytesMax: number): ReleaseError {
  return new ReleaseError('releases.artifact_too_large', `an artifact may have ${bytesMax} bytes at most`);
}

function isDiskFull(cause: unknown): boolean {
  return cause instanceof Error && ['ENOSPC', 'EDQUOT'].includes(String(Reflect.get(cause, 'code')));
}

function diskFull(cause: unknown): ReleaseError {
  return new ReleaseError('releases.storage_full', 'the disk is full: nothing was stored', { cause });
}
