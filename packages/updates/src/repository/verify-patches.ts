import { ok, refuse, type Step } from '../client/outcome.ts';
import type { Target } from '../client/target.ts';
import { isUpdatesError } from '../errors.ts';
import { applyPatch } from '../patches/patch.ts';
import { type PatchLink, parsePatches, patchPath } from '../patches/patch-list.ts';
import { createTargetVerifier } from '../target-verifier.ts';

type ReadArtifact = (sha256: string) => AsyncIterable<Uint8Array> | undefined;

/**
 * Ours, not TUF's: whether the patches of a release are listed beside it and lead to it, those whose old image the folder has. A device
 * takes nothing wrong from another one; it fetches the image whole, which is what the patch was to save.
 */
export async function verifyPatches(
  release: Target,
  { targets, artifact }: { readonly targets: readonly Target[]; readonly artifact: ReadArtifact },
): Promise<Step<undefined>> {
  for (const link of parsePatches(release.custom)) {
    const path = patchPath(release.path, link.base);
    const isListed = targets.some((target) => target.path === path && target.sha256 === link.sha256);
    const why = isListed ? await flawOf(release, { link, artifact }) : 'the list does not have it';
    if (why === undefined) continue;
    const explanation = `the patch from \`${link.base.sha256}\`: ${why}`;
    return refuse('patch', { subject: release.path, reason: 'malformed', explanation });
  }
  return ok(undefined);
}

/** That its own bytes are there, and right, is told of it as of any target. */
async function flawOf(
  release: Target,
  { link, artifact }: { readonly link: PatchLink; readonly artifact: ReadArtifact },
): Promise<string | undefined> {
  const [base, patch] = [await readWhole(link.base, artifact), await readWhole(link, artifact)];
  if (base === undefined || patch === undefined) return undefined;
  const verifier = createTargetVerifier(release);
  try {
    for await (const piece of applyPatch(patch, { base, lengthBytes: release.length })) verifier.push(piece);
  } catch (cause) {
    if (!isUpdatesError(cause)) throw cause;
    return cause.message;
  }
  const end = verifier.end();
  return end.kind === 'refused' ? end.explanation : undefined;
}

/** The bytes of a file that is there as it was signed for; no more than it may have. */
async function readWhole(
  file: { readonly sha256: string; readonly length: number },
  artifact: ReadArtifact,
): Promise<Uint8Array | undefined> {
  const verifier = createTargetVerifier({ ...file, path: file.sha256 });
  const pieces: Uint8Array[] = [];
  for await (const chunk of artifact(file.sha256) ?? []) {
    const pushed = verifier.push(chunk);
    if (pushed.kind === 'refused') return undefined;
    pieces.push(...pushed.bytes);
  }
  const end = verifier.end();
  return end.kind === 'accepted' ? Buffer.concat([...pieces, end.bytes]) : undefined;
}
