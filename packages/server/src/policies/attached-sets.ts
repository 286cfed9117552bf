import type { CertificateId, GroupName, PolicyName, ThingName } from '@fleetward/core';
import type { AttachedPolicy, PolicyDocument } from '@fleetward/policy';
import type { Groups, HierarchyChange } from '../groups/index.ts';
import type { PolicyRegistry } from './registry.ts';

/** Policies that decide together. */
export type AttachedSet = readonly AttachedPolicy[];

/** A change of what policies decide together that has not been made yet. */
export type PolicyChange =
  /** This document in the place of the one in force. */
  | {
      readonly kind: 'document';
      readonly name: PolicyName;
      readonly versionId: number;
      readonly document: PolicyDocument;
    }
  | {
      readonly kind: 'attached' | 'detached';
      readonly name: PolicyName;
      readonly certificateIds: readonly CertificateId[];
    }
  | {
      readonly kind: 'attached-to-group' | 'detached-from-group';
      readonly name: PolicyName;
      readonly groupName: GroupName;
    }
  | {
      readonly kind: 'hierarchy';
      readonly change: HierarchyChange;
      readonly certificateIds: readonly CertificateId[];
    }
  | {
      readonly kind: 'thing-attached' | 'thing-detached';
      readonly thingName: ThingName;
      readonly certificateId: CertificateId;
    }
  | {
      readonly kind: 'thing-transferred';
      readonly from: ThingName;
      readonly to: ThingName;
      readonly certificateId: CertificateId;
    }
  /** A certificate that is not there yet, for a thing that may be new. */
  | {
      readonly kind: 'newcomer';
      readonly names: readonly PolicyName[];
      readonly thingName: ThingName;
      /** A group that the thing joins with it, and the certificates the thing has by now. */
      readonly joins?: { readonly groupName: GroupName; readonly certificateIds: readonly CertificateId[] };
      /** Groups that a new thing is put in. */
      readonly groupNames?: readonly GroupName[];
    };

export interface Surroundings {
  readonly registry: PolicyRegistry;
  readonly groups: Pick<Groups, 'lineageOf' | 'withAncestors' | 'certificatesUnder'>;
  /** The things the certificate speaks for. */
  readonly thingsOf: (certificateId: CertificateId) => readonly ThingName[];
}

/** A set that the change would make, and the one in its place now; none where nothing was decided before. */
export interface SetChange {
  readonly before: AttachedSet | undefined;
  readonly after: AttachedSet;
}

/** What the change would make of the sets of policies that decide together, each once: of certificates, and of a policy alone. */
export function setsAfter(change: PolicyChange, around: Surroundings): readonly SetChange[] {
  const changes = certificatesOf(change, around).map(
    (certificateId): SetChange => ({
      before: setOf(certificateId, around),
      after: setOf(certificateId, around, change),
    }),
  );
  const alone = aloneAfter(change, around);
  const all = alone === undefined ? changes : [...changes, alone];
  return [...new Map(all.map((each) => [`${keyOf(each.before ?? [])};${keyOf(each.after)}`, each])).values()];
}

/** Every set in force. */
export function setsInForce(
  around: Surroundings,
  certificateIds: Iterable<CertificateId>,
  names: Iterable<PolicyName>,
): readonly AttachedSet[] {
  const sets = [...certificateIds].map((certificateId) => setOf(certificateId, around));
  for (const name of names) sets.push(named([name], around));
  return [...new Map(sets.map((set) => [keyOf(set), set])).values()];
}

/** Whoever may be decided by the policy: those it is attached to, and those of things under its groups. */
export function certificatesUnder(
  name: PolicyName,
  { registry, groups }: Surroundings,
): readonly CertificateId[] {
  const under = [...registry.groups.targetsOf(name)].flatMap((group) => groups.certificatesUnder(group));
  return [...new Set([...registry.certificates.targetsOf(name), ...under])];
}

/** Those whose set the change is about. */
function certificatesOf(change: PolicyChange, around: Surroundings): readonly CertificateId[] {
  switch (change.kind) {
    case 'document':
      return certificatesUnder(change.name, around);
    case 'attached':
    case 'detached':
    case 'hierarchy':
      return change.certificateIds;
    case 'attached-to-group':
    case 'detached-from-group':
      return around.groups.certificatesUnder(change.groupName);
    case 'thing-attached':
    case 'thing-detached':
    case 'thing-transferred':
      return [change.certificateId];
    case 'newcomer':
      return change.joins?.certificateIds ?? [];
  }
}

/** What no certificate has yet is proved for the first that will. */
function aloneAfter(change: PolicyChange, around: Surroundings): SetChange | undefined {
  const { registry, groups } = around;
  switch (change.kind) {
    case 'document': {
      const { name, versionId, document } = change;
      return { before: named([name], around), after: [{ name, versionId, document, via: 'certificate' }] };
    }
    case 'attached-to-group':
      return {
        before: undefined,
        after: named([change.name], around).map((policy) => ({ ...policy, via: 'group' })),
      };
    case 'newcomer': {
      const lineage = groups.lineageOf([change.thingName], hierarchyOf(change));
      const joined = groups.withAncestors(change.groupNames ?? []);
      const ofGroups = registry.ofGroups(new Set([...lineage, ...joined]));
      return { before: undefined, after: together(named(change.names, around), ofGroups) };
    }
    default:
      return undefined;
  }
}

function setOf(certificateId: CertificateId, around: Surroundings, change?: PolicyChange): AttachedSet {
  const own = named(namesOf(certificateId, around, change), around);
  const set = together(own, policiesOfGroups(certificateId, around, change));
  if (change?.kind !== 'document') return set;
  const { name, versionId, document } = change;
  return set.map((policy) => (policy.name === name ? { ...policy, versionId, document } : policy));
}

function namesOf(
  certificateId: CertificateId,
  { registry }: Surroundings,
  change: PolicyChange | undefined,
): readonly PolicyName[] {
  const names = [...registry.certificates.policiesOf(certificateId)];
  if (change?.kind === 'attached') return [...names, change.name];
  return change?.kind === 'detached' ? names.filter((name) => name !== change.name) : names;
}

function policiesOfGroups(
  certificateId: CertificateId,
  around: Surroundings,
  change: PolicyChange | undefined,
): AttachedSet {
  const { registry, groups } = around;
  const lineage = groups.lineageOf(
    thingsOf(certificateId, around, change),
    change === undefined ? undefined : hierarchyOf(change),
  );
  if (change?.kind === 'detached-from-group')
    return registry.ofGroups(lineage, (group, name) => group !== change.groupName || name !== change.name);
  const present = registry.ofGroups(lineage);
  if (change?.kind !== 'attached-to-group') return present;
  const added = named([change.name], around).map((policy) => ({ ...policy, via: 'group' as const }));
  return [...present, ...added];
}

function hierarchyOf(change: PolicyChange): HierarchyChange | undefined {
  if (change.kind === 'hierarchy') return change.change;
  if (change.kind !== 'newcomer' || change.joins === undefined) return undefined;
  const { thingName, joins } = change;
  return { kind: 'joined', membership: { thingName, groupName: joins.groupName } };
}

function thingsOf(
  certificateId: CertificateId,
  around: Surroundings,
  change: PolicyChange | undefined,
): readonly ThingName[] {
  const things = around.thingsOf(certificateId);
  if (change?.kind === 'thing-attached') return [...things, change.thingName];
  if (change?.kind === 'thing-transferred')
    return [...things.filter((name) => name !== change.from), change.to];
  return change?.kind === 'thing-detached' ? things.filter((name) => name !== change.thingName) : things;
}

function named(names: readonly PolicyName[], { registry }: Surroundings): AttachedSet {
  return [...new Set(names)].flatMap((name) => registry.inForce(name) ?? []);
}

/** A policy that also the certificate has is decided once, with its Allows. */
function together(own: AttachedSet, ofGroups: AttachedSet): AttachedSet {
  const all = new Map([...ofGroups, ...own].map((policy) => [policy.name, policy]));
  return [...all.values()];
}

/** Sets are the same when they have the same documents in the same way. */
export function keyOf(set: AttachedSet): string {
  return set
    .map(({ document, via }) => `${numberOf(document)} ${via}`)
    .sort()
    .join();
}

const numbers = new WeakMap<PolicyDocument, number>();
let last = 0;

function numberOf(document: PolicyDocument): number {
  const known = numbers.get(document) ?? ++last;
  numbers.set(document, known);
  return known;
}
