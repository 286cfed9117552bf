import { ok, type Step } from '../client/outcome.ts';
import { parseSelfSigned, type RootFile, verifyNextRoot } from '../client/root.ts';
import { defaultLimits } from '../limits.ts';
import { secondSuffix, verifySecond } from '../metadata/second-signature.ts';
import type { ReleaseFolder } from './release-folder.ts';

const bytesMax = defaultLimits.rootBytesMax;

/** TUF 5.3.4 and 5.3.5, and the second signatures that either root demands. */
export function verifyNextTwice(
  root: RootFile,
  { bytes, second }: { readonly bytes: Uint8Array; readonly second: Uint8Array | undefined },
): Step<RootFile> {
  const next = verifyNextRoot(root, { bytes, bytesMax });
  if (next.kind !== 'ok') return next;
  const by = { roots: [root, next.value], bytes: second, step: '5.3.4', subject: 'root' };
  return verifySecond(next.value, by);
}

function secondName(root: RootFile): string {
  return `${root.signed.version + 1}.root.json${secondSuffix}`;
}

export interface RootChain {
  readonly newest: RootFile;
  /** Why the next root of the folder does not follow; without it there is none. */
  readonly broken?: Exclude<Step<never>, { readonly kind: 'ok' }>;
}

/** TUF 5.3: from a root somebody trusts to the newest of a folder that its predecessors vouch for. */
export async function followRoots(folder: ReleaseFolder, trusted: Uint8Array): Promise<Step<RootChain>> {
  const start = parseSelfSigned(trusted, { step: '5.2', bytesMax });
  if (start.kind !== 'ok') return start;
  let newest = start.value;
  for (let rotations = 0; rotations < defaultLimits.rootRotationsMax; rotations++) {
    const bytes = await folder.read(`${newest.signed.version + 1}.root.json`);
    if (bytes === undefined) break;
    const next = verifyNextTwice(newest, { bytes, second: await folder.read(secondName(newest)) });
    if (next.kind !== 'ok') return ok({ newest, broken: next });
    newest = next.value;
  }
  return ok({ newest });
}
