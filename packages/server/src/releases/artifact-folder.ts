import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, counted, parseSha256, type Sha256 } from '@fleetward/core';
import { createFolderDurably, syncFolder, unfinishedSuffix } from '@fleetward/core/durable-file';
import { type ArtifactHash, createArtifactHash } from './artifact-hash.ts';
import type { ArtifactDigests, ArtifactStore, KeptArtifact } from './artifact-store.ts';
import { ReleaseError } from './errors.ts';
import { readPieces } from './read-pieces.ts';

export interface ArtifactFolderOptions {
  readonly path: string;
  /** Largest artifact, bytes. */
  readonly artifactBytesMax: number;
  /** Uploads at once. */
  readonly uploadsMax: number;
  /** Uploads that were begun and are not finished, under way or not. */
  readonly unfinishedMax: number;
}

/** A file an artifact, named by its SHA-256, and `SHA256.unfinished` for what came of an upload so far. */
export async function openArtifactFolder(options: ArtifactFolderOptions): Promise<ArtifactStore> {
  const { path } = options;
  createFolderDurably(path);
  const underWay = new Set<Sha256>();
  return {
    receivedBytes: async (sha256) => syncedBytes(unfinishedPath(path, sha256)),
    put: async (sha256, upload) => {
      if (underWay.has(sha256)) throw busy(sha256);
      if (underWay.size >= options.uploadsMax) throw tooMany('`releases.uploadsMax` uploads are under way');
      underWay.add(sha256);
      try {
        await makeRoom(options, sha256);
        return await putArtifact(options, { sha256, ...upload });
      } finally {
        underWay.delete(sha256);
      }
    },
    read: (sha256, range) => readPieces(join(path, sha256), range),
    list: () => listFolder(path),
    remove: async (sha256) => {
      if (underWay.has(sha256)) throw busy(sha256);
      await rm(join(path, sha256), { force: true });
      await rm(unfinishedPath(path, sha256), { force: true });
      syncFolder(path);
    },
  };
}

function unfinishedPath(path: string, sha256: Sha256): string {
  return join(path, `${sha256}${unfinishedSuffix}`);
}

/** What is told to whoever sends the rest must survive a power cut, so it is synced first. */
async function syncedBytes(path: string): Promise<number> {
  try {
    await using file = await open(path, 'r+');
    await file.sync();
    return (await file.stat()).size;
  } catch (cause) {
    if (Reflect.get(cause as object, 'code') === 'ENOENT') return 0;
    throw cause;
  }
}

async function makeRoom({ path, unfinishedMax }: ArtifactFolderOptions, sha256: Sha256): Promise<void> {
  const others = (await listFolder(path)).filter((kept) => !kept.isWhole && kept.sha256 !== sha256);
  if (others.length >= unfinishedMax) {
    throw tooMany('there are `releases.unfinishedUploadsMax` unfinished uploads: finish or remove one');
  }
}

const keptName = new RegExp(`^([0-9a-f]{64})(\\${unfinishedSuffix})?$`);

async function listFolder(path: string): Promise<readonly KeptArtifact[]> {
  const kept: KeptArtifact[] = [];
  for (const name of await readdir(path)) {
    const [, digest, suffix] = keptName.exec(name) ?? [];
    const found = await stat(join(path, name)).catch(() => undefined); // it may be gone by now
    if (digest === undefined || found === undefined) continue;
    const isWhole = suffix === undefined;
    kept.push({
      sha256: parseSha256(digest),
      isWhole,
      lengthBytes: found.size,
      changedAtMs: Math.floor(found.mtimeMs),
    });
  }
  return kept;
}

interface Upload {
  readonly sha256: Sha256;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly fromByte: number;
}

/** Content synced, then renamed to its name, then the folder synced. */
async function putArtifact(
  { path, artifactBytesMax }: ArtifactFolderOptions,
  { sha256, bytes, fromByte }: Upload,
): Promise<ArtifactDigests> {
  const unfinished = unfinishedPath(path, sha256);
  await using file = await openUnfinished(unfinished, fromByte);
  try {
    const written = await receive(file, { bytes, fromByte, bytesMax: artifactBytesMax });
    if (written.sha256 !== sha256) throw digestMismatch(sha256, written.sha256);
    await rename(unfinished, join(path, sha256));
    syncFolder(path);
    return written;
  } catch (cause) {
    const isFull = isDiskFull(cause);
    // Any other failure is of the source, or may pass: what came is kept.
    if (isFull || cause instanceof AppError) await rm(unfinished, { force: true });
    throw isFull ? diskFull(cause) : cause;
  }
}

/** What is beyond `fromByte` is thrown away: whoever sends the rest counts from there. */
async function openUnfinished(path: string, fromByte: number): Promise<FileHandle> {
  if (fromByte === 0) {
    const file = await open(path, 'w+', 0o600);
    syncFolder(dirname(path));
    return file;
  }
  const file = await open(path, 'r+').catch(() => undefined);
  const keptBytes = file === undefined ? 0 : (await file.stat()).size;
  if (file === undefined || keptBytes < fromByte) {
    await file?.close();
    throw wrongOffset(keptBytes);
  }
  await file.truncate(fromByte);
  return file;
}

async function receive(
  file: FileHandle,
  upload: {
    readonly bytes: AsyncIterable<Uint8Array>;
    readonly fromByte: number;
    readonly bytesMax: number;
  },
): Promise<ArtifactDigests> {
  const hash = createArtifactHash();
  await hashKept(file, { hash, lengthBytes: upload.fromByte });
  for await (const chunk of upload.bytes) {
    const atByte = hash.lengthBytes;
    hash.update(chunk);
    if (hash.lengthBytes > upload.bytesMax) throw tooLarge(upload.bytesMax);
    await writeAll(file, { chunk, atByte });
  }
  await file.sync();
  return hash.digests();
}

async function hashKept(
  file: FileHandle,
  { hash, lengthBytes }: { readonly hash: ArtifactHash; readonly lengthBytes: number },
): Promise<void> {
  const piece = Buffer.alloc(1_048_576);
  while (hash.lengthBytes < lengthBytes) {
    const { bytesRead } = await file.read(piece, 0, piece.length, hash.lengthBytes);
    if (bytesRead === 0) throw new Error('an unfinished upload became shorter while it was read');
    hash.update(piece.subarray(0, Math.min(bytesRead, lengthBytes - hash.lengthBytes)));
  }
}

/** One `write` may write less than it was given. */
async function writeAll(
  file: FileHandle,
  { chunk, atByte }: { readonly chunk: Uint8Array; readonly atByte: number },
): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.length - offset, atByte + offset);
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

function wrongOffset(receivedBytes: number): ReleaseError {
  return new ReleaseError(
    'releases.upload_offset',
    `the platform has ${counted(receivedBytes, 'byte')} of the artifact: go on from there, or begin anew`,
    { details: { receivedBytes } },
  );
}

function tooLarge(bytesMax: number): ReleaseError {
  return new ReleaseError('releases.artifact_too_large', `an artifact may have ${bytesMax} bytes at most`);
}

function busy(sha256: Sha256): ReleaseError {
  return new ReleaseError('releases.upload_busy', `\`${sha256}\` is being uploaded: try again after that`);
}

function tooMany(why: string): ReleaseError {
  return new ReleaseError('releases.too_many_uploads', why);
}

function isDiskFull(cause: unknown): boolean {
  return cause instanceof Error && ['ENOSPC', 'EDQUOT'].includes(String(Reflect.get(cause, 'code')));
}

function diskFull(cause: unknown): ReleaseError {
  const message = 'the disk is full: nothing was stored; free some space and upload again';
  return new ReleaseError('releases.storage_full', message, { cause });
}
