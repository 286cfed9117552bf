import type { SignedFile } from '../metadata/parse.ts';
import { needsSecond, secondBytesMax, secondSuffix, verifySecond } from '../metadata/second-signature.ts';
import { metadataFilePath } from '../metadata/target-path.ts';
import { ok, type Step } from './outcome.ts';
import type { RootFile } from './root.ts';
import { fetchRequired, load, store, type Workflow } from './workflow.ts';

interface Demand {
  readonly roots: readonly RootFile[];
  readonly name: 'root' | 'targets';
  readonly step: string;
  /** Where the detached signatures are kept, of a file that is kept. */
  readonly storedName?: string;
}

/** Fetches and checks the second signature of a file whose first ones were good, where its roots demand one. */
export function* secondSigned<Signed extends { readonly version: number }>(
  file: SignedFile<Signed>,
  { roots, name, step, storedName }: Demand,
): Workflow<Step<SignedFile<Signed>>> {
  if (!needsSecond(roots)) return ok(file);
  const check = (bytes: Uint8Array) => verifySecond(file, { roots, bytes, step, subject: name });
  const kept = storedName === undefined ? undefined : yield* load(storedName);
  if (kept !== undefined && check(kept).kind === 'ok') return ok(file);
  const path = `${metadataFilePath(name, file.signed.version)}${secondSuffix}`;
  const fetched = yield* fetchRequired(path, { step, subject: name, bytesMax: secondBytesMax });
  if (fetched.kind !== 'ok') return fetched;
  const verdict = check(fetched.value);
  if (verdict.kind === 'ok' && storedName !== undefined) yield* store(storedName, fetched.value);
  return verdict;
}
