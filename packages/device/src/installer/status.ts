import { InvalidInputError, parseStrictJson } from '@fleetward/core';
import type { Installer } from './installer.ts';

/** What an installer says of itself. */
export type InstallerStatus =
  /** The version that runs now; nothing where it does not know one. */
  | { readonly kind: 'known'; readonly running: string | undefined }
  | { readonly kind: 'unknown'; readonly explanation: string };

const statusBytesMax = 4096;
const versionPattern = /^[a-zA-Z0-9._+:-]{1,128}$/;

export async function askStatus(installer: Installer, stop?: AbortSignal): Promise<InstallerStatus> {
  const answer = await installer.ask('status', { stop });
  return answer.kind === 'done' ? parseStatus(answer.output) : { ...answer, kind: 'unknown' };
}

/** Reads `{"running":"1.0.0"}`, or `null` for the version. Other members are for later contracts, and ignored. */
export function parseStatus(output: Uint8Array): InstallerStatus {
  try {
    const json = parseStrictJson(output, { bytesMax: statusBytesMax, depthMax: 3 });
    if (typeof json === 'object' && json !== null && 'running' in json) {
      const { running } = json;
      if (running === null) return { kind: 'known', running: undefined };
      if (typeof running === 'string' && versionPattern.test(running)) return { kind: 'known', running };
    }
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return { kind: 'unknown', explanation: `the status is no JSON: ${error.message}` };
  }
  return { kind: 'unknown', explanation: 'the status is not like `{"running":"1.0.0"}`' };
}
