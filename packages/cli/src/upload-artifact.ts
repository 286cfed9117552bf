import type { Sha256 } from '@fleetward/core';
import { type ApiClient, ApiError, getUploadState, type Part, putArtifact } from '@fleetward/protocol';
import { countingBytes } from './progress.ts';
import { streamInput } from './read-input.ts';
import type { Shell } from './shell.ts';

export interface ArtifactFile {
  readonly path: string;
  readonly sha256: Sha256;
  readonly lengthBytes: number;
  /** What it is called while it is on its way. */
  readonly label: string;
}

export type UploadedArtifact = Part<(typeof putArtifact)['answer']> & {
  /** Where the upload began: after what an earlier one had left. */
  readonly fromByte: number;
};

/** Sends an artifact, or what the platform does not have of it yet; begins anew when what it has is no good. */
export async function uploadArtifact(
  file: ArtifactFile,
  to: { readonly api: ApiClient; readonly shell: Shell },
): Promise<UploadedArtifact> {
  const { receivedBytes } = await to.api.call(getUploadState, { params: { sha256: file.sha256 } });
  const fromByte = Math.min(receivedBytes, file.lengthBytes);
  try {
    return await send(file, { ...to, fromByte });
  } catch (error) {
    if (fromByte === 0 || !isNoGood(error)) throw error;
    return send(file, { ...to, fromByte: 0 });
  }
}

async function send(
  file: ArtifactFile,
  { api, shell, fromByte }: { readonly api: ApiClient; readonly shell: Shell; readonly fromByte: number },
): Promise<UploadedArtifact> {
  const { sha256, label, lengthBytes: totalBytes } = file;
  const bytes = streamInput(file.path, shell.terminal, fromByte);
  const body = countingBytes(bytes, { label, totalBytes, fromByte, shell });
  const query = fromByte === 0 ? {} : { fromByte };
  return { ...(await api.call(putArtifact, { params: { sha256 }, query, body })), fromByte };
}

function isNoGood(error: unknown): boolean {
  const code = error instanceof ApiError ? error.problem?.code : undefined;
  return code === 'releases.digest_mismatch' || code === 'releases.upload_offset';
}
