import { chmodSync, constants, copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createFolderDurably, syncFile, syncFolder } from '@fleetward/core/durable-file';
import { describeTarget, type NewTarget } from '@fleetward/updates';
import { CliError } from '../errors.ts';
import { streamInput } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';
import { unwritable } from '../write-file.ts';

/** Where a release folder keeps the bytes of an artifact until they are published. */
export function artifactPath(folder: string, sha256: string): string {
  return join(folder, 'artifacts', sha256);
}

/** Copies a file into the folder and describes the copy: what is signed is what will be uploaded. */
export async function keepArtifact(
  file: string,
  to: {
    readonly folder: string;
    readonly path: string;
    readonly custom: NewTarget['custom'];
    readonly terminal: Terminal;
  },
): Promise<NewTarget> {
  const artifacts = join(to.folder, 'artifacts');
  const copy = join(artifacts, `${process.pid}.copying`);
  createFolderDurably(artifacts);
  try {
    copyBytes(file, copy);
    const target = await describeTarget(to.path, {
      content: streamInput(copy, to.terminal),
      custom: to.custom,
    });
    renameSync(copy, artifactPath(to.folder, target.sha256));
    syncFolder(artifacts);
    return target;
  } finally {
    rmSync(copy, { force: true });
  }
}

function copyBytes(file: string, copy: string): void {
  try {
    copyFileSync(file, copy, constants.COPYFILE_FICLONE);
    chmodSync(copy, 0o600); // a file that nobody may write is copied with that
    syncFile(copy);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new CliError('cli.unreadable', `cannot read \`${file}\`: there is no such file`, { cause });
    throw unwritable(copy, cause);
  }
}

/** Whether the folder still has the bytes of an artifact. */
export function hasArtifact(folder: string, sha256: string): boolean {
  return existsSync(artifactPath(folder, sha256));
}
