import { findTargetWorkflow } from '../client/find-target.ts';
import { ok, refuse, type Step } from '../client/outcome.ts';
import type { ImageSet } from '../client/refresh.ts';
import { type Target, targetOf } from '../client/target.ts';
import { fetchFile, load, store, type Workflow } from '../client/workflow.ts';
import type { UpdateLimits } from '../limits.ts';
import { furtherRole } from '../metadata/further-roles.ts';
import { type InstructionFile, instructionFilePath } from './instruction.ts';
import { type Directed, directorName, refuseDirector, verifyInstruction } from './verify-instruction.ts';

/** What a device may install where its root names a director: what that one instructs it to, and nothing without a target. */
export interface Instructed {
  readonly version: number;
  readonly target: Target | undefined;
}

interface Context {
  readonly thingName: string | undefined;
  readonly limits: UpdateLimits;
}

/**
 * Uptane's full verification (5.4.4.2) on what a refresh of the image repository came to: the director's instruction is
 * checked, kept against replay, and must agree with the image repository. `undefined` where the root names no director.
 */
export function* followDirector(images: ImageSet, context: Context): Workflow<Step<Instructed | undefined>> {
  const role = furtherRole(images.root, 'director');
  if (role === undefined) return ok(undefined);
  const directed = { root: images.root, role, thingName: context.thingName };
  const instruction = yield* updateInstruction(images.nowMs, { directed, limits: context.limits });
  if (instruction.kind !== 'ok') return instruction;
  const target = yield* agreedTarget(instruction.value, { images, limits: context.limits });
  return target.kind === 'ok'
    ? ok({ version: instruction.value.signed.version, target: target.value })
    : target;
}

interface Update {
  readonly directed: Directed;
  readonly limits: UpdateLimits;
}

/** Uptane 5.4.4.6: fetched, not older than the last one, not expired; kept before it is followed. */
function* updateInstruction(nowMs: number, update: Update): Workflow<Step<InstructionFile>> {
  const stored = yield* loadStored(update);
  const received = yield* fetchInstruction(update);
  if (received.kind !== 'ok') return received;
  const { version, expires } = received.value.signed;
  if (stored !== undefined && version < stored.signed.version) {
    const explanation = `version ${version} is older than ${stored.signed.version}, which was followed`;
    return refuseDirector('5.4.4.6.4', { reason: 'replayed', explanation });
  }
  if (nowMs >= Date.parse(expires)) {
    const explanation = `it expired at ${expires}; the refresh started at ${new Date(nowMs).toISOString()}`;
    return refuseDirector('5.4.4.6.5', { reason: 'expired', explanation });
  }
  const isKept = stored !== undefined && Buffer.from(stored.bytes).equals(received.value.bytes);
  if (!isKept) yield* store(directorName, received.value.bytes);
  return received;
}

/** The one followed last, as long as today's root still vouches for it. An expired one still forbids a replay. */
function* loadStored({ directed, limits }: Update): Workflow<InstructionFile | undefined> {
  const bytes = yield* load(directorName);
  if (bytes === undefined) return undefined;
  const file = verifyInstruction(bytes, { directed, bytesMax: limits.instructionBytesMax });
  return file.kind === 'ok' ? file.value : undefined;
}

function* fetchInstruction({ directed, limits }: Update): Workflow<Step<InstructionFile>> {
  const bytesMax = limits.instructionBytesMax;
  const step = 'Uptane 5.4.4.6.1';
  const fetched = yield* fetchFile(instructionFilePath, { step, subject: directorName, bytesMax });
  if (fetched.kind !== 'ok') return fetched;
  if (fetched.value !== undefined) return verifyInstruction(fetched.value, { directed, bytesMax });
  const explanation = 'the root names a director, and there is no instruction for this device';
  return refuseDirector('5.4.4.6.1', { reason: 'no-instruction', explanation });
}

/** Uptane 5.4.4.2, step 10: the image repository lists the very same target; what else is said of it is said there alone. */
function* agreedTarget(
  instruction: InstructionFile,
  { images, limits }: { readonly images: ImageSet; readonly limits: UpdateLimits },
): Workflow<Step<Target | undefined>> {
  const [file] = Object.values(instruction.signed.targets);
  if (file === undefined) return ok(undefined);
  const wanted = targetOf(file);
  const found = yield* findTargetWorkflow(wanted.path, { trusted: images, limits });
  if (found.kind === 'refused' || found.kind === 'unreachable') return found;
  const explanation = `the director instructs to have \`${wanted.path}\`, which`;
  if (found.kind === 'absent') return disagrees('10.1', `${explanation} the image repository does not list`);
  const isSame = found.target.length === wanted.length && found.target.sha256 === wanted.sha256;
  return isSame
    ? ok(found.target)
    : disagrees('10.2.1', `${explanation} has another length or hash in the image repository`);
}

function disagrees(clause: string, explanation: string) {
  return refuseDirector(`5.4.4.2.${clause}`, { reason: 'disagrees', explanation });
}

/** The refusal of a target that the director does not instruct this device to have; nothing where it does, or where there is none. */
export function notInstructed(
  instructed: Instructed | undefined,
  target: Pick<Target, 'path'> & Partial<Pick<Target, 'sha256' | 'length'>>,
) {
  if (instructed === undefined) return undefined;
  const wanted = instructed.target;
  const isSame =
    wanted?.path === target.path &&
    wanted.sha256 === (target.sha256 ?? wanted.sha256) &&
    wanted.length === (target.length ?? wanted.length);
  if (isSame) return undefined;
  const explanation = 'the director does not instruct this device to have it';
  return refuse('Uptane 5.4.4.2.10', { subject: target.path, reason: 'no-instruction', explanation });
}
