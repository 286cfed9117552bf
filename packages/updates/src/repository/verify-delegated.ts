import { ok, type Refusal, refuse, type Step } from '../client/outcome.ts';
import type { RootFile } from '../client/root.ts';
import { targetOf } from '../client/target.ts';
import type { TargetsFile } from '../client/targets.ts';
import { parsed, signedBy } from '../client/workflow.ts';
import { defaultLimits } from '../limits.ts';
import {
  type DelegatedRole,
  delegatedKeys,
  delegatedRoles,
  isOfItsProduct,
  isProductRoleName,
} from '../metadata/delegation.ts';
import { parseTargets } from '../metadata/parse.ts';
import { needsSecond } from '../metadata/second-signature.ts';

/** Verified delegated lists by their role, in the order of their trust. */
export type DelegatedFiles = ReadonlyMap<string, TargetsFile>;

/**
 * The lists that a top-level list delegates to, each as a client verifies it, and in the form that ours have: a role is named like its product,
 * speaks for paths of that alone, ends the search for them, and delegates no further. `bytesOf` has the newest list of a role.
 */
export function verifyDelegated(
  targets: TargetsFile,
  { root, bytesOf }: { readonly root: RootFile; readonly bytesOf: (name: string) => Uint8Array | undefined },
): Step<DelegatedFiles> {
  const form = verifyForm(targets, root);
  if (form !== undefined) return form;
  const files = new Map<string, TargetsFile>();
  for (const role of delegatedRoles(targets.signed)) {
    const file = verifyList(targets, { role, bytes: bytesOf(role.name) });
    if (file.kind !== 'ok') return file;
    files.set(role.name, file.value);
  }
  return ok(files);
}

function verifyForm({ signed }: TargetsFile, root: RootFile): Refusal | undefined {
  if (signed.delegations === undefined) return undefined;
  if (needsSecond([root]))
    return badForm(
      'targets',
      'the root demands second signatures by ML-DSA-65, which delegated lists have not',
    );
  if (signed.delegations.succinctRoles !== undefined)
    return badForm('targets', 'succinct roles are not published here');
  const flaws = delegatedRoles(signed).map((role) => [role.name.slice(0, 64), flawOf(role)] as const);
  const [name, flaw] = flaws.find(([, found]) => found !== undefined) ?? [];
  return name === undefined || flaw === undefined
    ? undefined
    : badForm('targets', `the role \`${name}\` ${flaw}`);
}

function flawOf({ name, paths = [], terminating }: DelegatedRole): string | undefined {
  if (!isProductRoleName(name))
    return 'is not named like a product: 1 to 64 of a-z 0-9 _ -, and no role of TUF';
  if (paths.length === 0 || !paths.every((pattern) => pattern.startsWith(`${name}/`)))
    return `may speak for paths below \`${name}/\` only`;
  return terminating ? undefined : 'must be terminating';
}

/** TUF 5.6.1 to 5.6.4, without the version, which snapshot and predecessor decide. */
function verifyList(
  delegator: TargetsFile,
  { role, bytes }: { readonly role: DelegatedRole; readonly bytes: Uint8Array | undefined },
): Step<TargetsFile> {
  const subject = role.name;
  if (bytes === undefined) {
    const explanation = `there is no list of the role \`${subject}\`: upload one signed by its team`;
    return refuse('5.6.1', { subject, reason: 'missing', explanation });
  }
  const step = '5.6.3';
  const parse = () => parseTargets(bytes, defaultLimits.targetsBytesMax);
  const file = parsed(subject, { step, parse });
  if (file.kind !== 'ok') return file;
  const keys = delegatedKeys(delegator.signed, subject);
  const signed = signedBy(file.value, { step, subject, role: keys, as: 'the list that delegates to it' });
  if (signed.kind !== 'ok') return signed;
  if (file.value.signed.delegations !== undefined)
    return badForm(subject, 'a delegated role does not delegate further');
  return verifyPaths(file.value, role);
}

function verifyPaths(file: TargetsFile, role: DelegatedRole): Step<TargetsFile> {
  const targets = Object.values(file.signed.targets).map(targetOf);
  const outside = targets.find(({ path }) => !role.isDelegatedPath(path));
  if (outside !== undefined)
    return badForm(role.name, `\`${outside.path}\` is outside of what it may speak for`);
  const other = targets.find((target) => !isOfItsProduct(target));
  if (other === undefined) return ok(file);
  return badForm(role.name, `\`${other.path}\` is a release of another product than its path begins with`);
}

function badForm(subject: string, explanation: string): Refusal {
  return refuse('5.6.7', { subject, reason: 'malformed', explanation });
}
