import type { Targets } from '@tufjs/models';
import type { UpdateLimits } from '../limits.ts';
import { parseTargets, type SignedFile } from '../metadata/parse.ts';
import { metadataFilePath } from '../metadata/target-path.ts';
import type { RoleKeys } from '../metadata/threshold.ts';
import { matchesMetaFile } from './meta-file.ts';
import { refuse, type Step } from './outcome.ts';
import type { SnapshotFile } from './snapshot.ts';
import { fetchRequired, load, notExpired, parsed, signedBy, store, type Workflow } from './workflow.ts';

export type TargetsFile = SignedFile<Targets>;

/** Where a targets role gets its trust from: its delegator's keys, and the snapshot for its version. */
export interface TargetsContext {
  readonly snapshot: SnapshotFile;
  readonly role: RoleKeys | undefined;
  /** Who delegates, for explanations. */
  readonly delegator: string;
  readonly nowMs: number;
  readonly limits: UpdateLimits;
}

/** TUF 5.6: a targets role at the version the snapshot names, from the store when it is there already. */
export function* updateTargets(name: string, context: TargetsContext): Workflow<Step<TargetsFile>> {
  const bytes = yield* load(storedName(name));
  const stored = bytes === undefined ? undefined : verifyTargets(name, { bytes, context });
  const current = stored?.kind === 'ok' ? stored : yield* fetchTargets(name, context);
  if (current.kind !== 'ok') return current;
  const fresh = notExpired(current.value, { step: '5.6.5', subject: name, nowMs: context.nowMs });
  if (fresh.kind === 'ok' && current !== stored) yield* store(storedName(name), fresh.value.bytes); // TUF 5.6.6
  return fresh;
}

function* fetchTargets(name: string, context: TargetsContext): Workflow<Step<TargetsFile>> {
  const meta = metaOf(name, context);
  if (meta === undefined) return unnamed(name);
  const bytesMax = Math.min(meta.length ?? context.limits.targetsBytesMax, context.limits.targetsBytesMax);
  const fetched = yield* fetchRequired(metadataFilePath(name, meta.version), {
    step: '5.6.1',
    subject: name,
    bytesMax,
  });
  return fetched.kind === 'ok' ? verifyTargets(name, { bytes: fetched.value, context }) : fetched;
}

/** TUF 5.6.2 to 5.6.4: hash, signatures, version. */
function verifyTargets(
  name: string,
  { bytes, context }: { readonly bytes: Uint8Array; readonly context: TargetsContext },
): Step<TargetsFile> {
  const meta = metaOf(name, context);
  if (meta === undefined) return unnamed(name);
  const matched = matchesMetaFile(bytes, { step: '5.6.2', subject: name, meta, as: 'the snapshot' });
  if (matched.kind !== 'ok') return matched;
  const file = parsed(name, {
    step: '5.6.3',
    parse: () => parseTargets(bytes, context.limits.targetsBytesMax),
  });
  if (file.kind !== 'ok') return file;
  const role = { step: '5.6.3', subject: name, role: context.role, as: context.delegator };
  const signed = signedBy(file.value, role);
  if (signed.kind !== 'ok' || signed.value.signed.version === meta.version) return signed;
  const explanation = `version ${signed.value.signed.version}; the snapshot names ${meta.version}`;
  return refuse('5.6.4', { subject: name, reason: 'version-mismatch', explanation });
}

function metaOf(name: string, { snapshot }: TargetsContext) {
  const file = `${name}.json`;
  return Object.hasOwn(snapshot.signed.meta, file) ? snapshot.signed.meta[file] : undefined;
}

/** Delegated roles choose their own names: they get their own space in the store. */
function storedName(name: string): string {
  return name === 'targets' ? 'targets' : `delegated.${name}`;
}

function unnamed(name: string) {
  return refuse('5.6.1', {
    subject: name,
    reason: 'missing',
    explanation: `the snapshot does not name \`${name}\``,
  });
}
