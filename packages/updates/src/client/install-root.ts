import { defaultLimits } from '../limits.ts';
import type { TrustedStore } from '../store/trusted-store.ts';
import { ok, type Refusal, type Step, type Unreachable } from './outcome.ts';
import { parseSelfSigned } from './root.ts';

export type InstallRootOutcome =
  | { readonly kind: 'installed'; readonly version: number }
  | { readonly kind: 'kept' }
  | Refusal
  | Unreachable;

/**
 * Gives a store its first trusted root (TUF 5.2), at manufacture or enrolment. A root that is there already is kept:
 * only the chain of signatures may replace it.
 */
export async function installRoot(store: TrustedStore, bytes: Uint8Array): Promise<InstallRootOutcome> {
  if ((await store.read('root')) !== undefined) return { kind: 'kept' };
  const root = parseFirstRoot(bytes);
  if (root.kind !== 'ok') return root;
  await store.write('root', bytes);
  return { kind: 'installed', version: root.value };
}

function parseFirstRoot(bytes: Uint8Array): Step<number> {
  const root = parseSelfSigned(bytes, { step: '5.2', bytesMax: defaultLimits.rootBytesMax });
  return root.kind === 'ok' ? ok(root.value.signed.version) : root;
}
