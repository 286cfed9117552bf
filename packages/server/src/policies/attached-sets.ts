import type { CertificateId, GroupName, PolicyName } from '@fleetward/core';
import type { AttachedPolicy, PolicyDocument } from '@fleetward/policy';
import type { PolicyRegistry } from './registry.ts';

/** A change of policies that has not been made yet. */
export interface PolicyChange {
  /** This document in the place of the one in force. */
  readonly document?: {
    readonly name: PolicyName;
    readonly versionId: number;
    readonly document: PolicyDocument;
  };
  /** Policies more on these certificates. */
  readonly attached?: {
    readonly names: readonly PolicyName[];
    readonly certificateIds: readonly CertificateId[];
  };
  /** A policy more on this group, under which these certificates are. */
  readonly onGroup?: {
    readonly name: PolicyName;
    readonly groupName: GroupName;
    readonly certificateIds: readonly CertificateId[];
  };
  /** Policies and groups of a certificate that is not there yet. */
  readonly newcomer?: { readonly names: readonly PolicyName[]; readonly groupNames: readonly GroupName[] };
}

export interface Surroundings {
  readonly registry: PolicyRegistry;
  /** The groups that have a say about a certificate, ancestors included. */
  readonly lineageOf: (certificateId: CertificateId) => readonly GroupName[];
}

/** The sets of policies that would decide together after the change, each once: those of the certificates, and a document alone. */
export function setsAfter(
  change: PolicyChange,
  certificateIds: Iterable<CertificateId>,
  around: Surroundings,
): readonly (readonly AttachedPolicy[])[] {
  const { document, attached, onGroup, newcomer } = change;
  const affected = new Set([
    ...certificateIds,
    ...(attached?.certificateIds ?? []),
    ...(onGroup?.certificateIds ?? []),
  ]);
  const sets: (readonly AttachedPolicy[])[] = [...affected].map((certificateId) =>
    setOf(certificateId, change, around),
  );
  if (document !== undefined) sets.push([{ ...document, via: 'certificate' }]);
  if (onGroup !== undefined)
    sets.push(named([onGroup.name], around).map((policy) => ({ ...policy, via: 'group' })));
  if (newcomer !== undefined)
    sets.push(together(named(newcomer.names, around), around.registry.ofGroups(newcomer.groupNames)));
  return [...new Map(sets.map((set) => [keyOf(set), set])).values()];
}

function setOf(
  certificateId: CertificateId,
  { document, attached, onGroup }: PolicyChange,
  around: Surroundings,
) {
  const { registry, lineageOf } = around;
  const more = attached?.certificateIds.includes(certificateId) === true ? attached.names : [];
  const own = named([...registry.certificates.policiesOf(certificateId), ...more], around);
  const added = onGroup?.certificateIds.includes(certificateId) === true ? named([onGroup.name], around) : [];
  const ofGroups = [
    ...registry.ofGroups(lineageOf(certificateId)),
    ...added.map((policy) => ({ ...policy, via: 'group' as const })),
  ];
  return together(own, ofGroups).map((policy) =>
    document?.name === policy.name
      ? { ...policy, versionId: document.versionId, document: document.document }
      : policy,
  );
}

function named(names: readonly PolicyName[], { registry }: Surroundings): readonly AttachedPolicy[] {
  return [...new Set(names)].flatMap((name) => registry.inForce(name) ?? []);
}

/** A policy that also the certificate has is decided once, with its Allows. */
function together(
  own: readonly AttachedPolicy[],
  ofGroups: readonly AttachedPolicy[],
): readonly AttachedPolicy[] {
  const all = new Map([...ofGroups, ...own].map((policy) => [policy.name, policy]));
  return [...all.values()];
}

/** Every set in force. */
export function setsInForce(
  { registry, lineageOf }: Surroundings,
  certificateIds: Iterable<CertificateId>,
  names: Iterable<PolicyName>,
): readonly (readonly AttachedPolicy[])[] {
  const around = { registry, lineageOf };
  const sets: (readonly AttachedPolicy[])[] = [...certificateIds].map((certificateId) =>
    setOf(certificateId, {}, around),
  );
  for (const name of names) sets.push(named([name], around));
  return [...new Map(sets.map((set) => [keyOf(set), set])).values()];
}

/** Sets are the same when they have the same documents in the same way. */
export function keyOf(set: readonly AttachedPolicy[]): string {
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
