import { parseSha256 } from '@fleetward/core';
import {
  type FolderVerdict,
  openReleaseFolder,
  parseRelease,
  readRoles,
  verifyReleaseFolder,
} from '@fleetward/updates';
import { readInput, streamInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { artifactPath, hasArtifact } from './release-artifacts.ts';
import { noDirector } from './release-init.ts';

const rootBytesMax = 262_144;

/** A root file that somebody trusts. */
export function readRootFile(file: string, terminal: Terminal): Promise<Uint8Array> {
  return readInput(file, { terminal, bytesMax: rootBytesMax });
}

/** `release verify FOLDER --root FILE`: every problem with its clause; exit code 1 when there is one. */
export async function verifyFolder(
  folder: string,
  flags: { readonly root: string; readonly artifacts: boolean },
  shell: Shell,
): Promise<void> {
  const { terminal, exitWith } = shell;
  const artifact = (sha256: string) =>
    hasArtifact(folder, sha256)
      ? streamInput(artifactPath(folder, parseSha256(sha256)), terminal)
      : undefined;
  const releases = await openReleaseFolder(folder);
  const verdict = await verifyReleaseFolder(releases, {
    trustedRoot: await readRootFile(flags.root, terminal),
    clock: terminal.clock,
    ...(flags.artifacts && { artifact }),
  });
  const warnings = (await readRoles(releases)).director === undefined ? [noDirector] : [];
  for (const warning of warnings) shell.output.note(`warning: ${warning}`);
  show({ ...verdict, warnings }, shell);
  if (verdict.problems.length > 0) exitWith(1);
}

function show(
  {
    problems,
    root,
    targets,
    releases: listed,
    warnings,
  }: FolderVerdict & { readonly warnings: readonly string[] },
  { output }: Shell,
): void {
  const releases = listed.filter(({ custom }) => parseRelease(custom) !== undefined); // the rest are documents and indexes beside them
  const isAccepted = problems.length === 0;
  if (output.json || isAccepted) {
    output.record(
      {
        kind: isAccepted ? 'accepted' : 'refused',
        root,
        targets,
        releases: releases.length,
        problems,
        warnings,
      },
      { folder: output.mark('accepted', 'green'), root, targets, releases: releases.length },
    );
    return;
  }
  output.line(
    output.mark(`refused: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}`, 'red'),
  );
  output.list(
    problems,
    {
      clause: ({ step }) => (/^\d/.test(step) ? `TUF ${step}` : step),
      of: ({ subject }) => subject,
      problem: ({ reason }) => reason,
      why: ({ explanation }) => explanation,
    },
    '',
  );
}
