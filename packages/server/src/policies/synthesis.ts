import {
  counted,
  type GroupName,
  type PolicyName,
  parseGroupName,
  parsePolicyName,
  parseThingName,
  type ThingName,
} from '@fleetward/core';
import type { AttachedPolicy, ObservedThing, PolicyDiff, SynthesisedPolicy } from '@fleetward/policy';
import type { Part, synthesisePolicyDocument } from '@fleetward/protocol';
import type { Activity } from '../activity/index.ts';
import type { Groups } from '../groups/index.ts';
import type { Things } from '../things/index.ts';
import { PoliciesError } from './errors.ts';
import type { Policies } from './service.ts';

type Question = Part<(typeof synthesisePolicyDocument)['body']>;

export interface SynthesisParts {
  readonly things: Things;
  readonly groups: Groups;
  readonly policies: Policies;
  readonly activity: Activity;
  /** Has live connections hand in what they have counted. */
  readonly collect: () => Promise<void>;
}

export interface Synthesis extends SynthesisedPolicy {
  /** What the present policies allow beyond it. */
  readonly beyond: PolicyDiff;
  /** Things whose policy it would be, of them those that did anything, and those that were looked at. */
  readonly things: { readonly sharing: number; readonly active: number; readonly lookedAt: number };
}

const standardWildcardValues = 8;
const thingsPerRead = 100;

/** The least policy for what the things did. Throws `policies.nothing_recorded`, and as the things are looked up. */
export async function synthesise(question: Question, parts: SynthesisParts): Promise<Synthesis> {
  const sharing = [...thingsOf(question, parts)].sort();
  await parts.collect();
  const { observed, lookedAt } = await observe(sharing, { ...parts, sinceMs: question.sinceMs ?? 0 });
  const { wildcardValuesMin = standardWildcardValues } = question;
  const { prover, binding } = parts.policies;
  const present = presentPolicies(question, parts).map(asOfAThing);
  const policy = await prover.work('synthesise', { observed, wildcardValuesMin, binding, present });
  if (policy === undefined) throw nothingRecorded(sharing.length);
  return { ...policy, things: { sharing: sharing.length, active: observed.length, lookedAt } };
}

function thingsOf(question: Question, parts: SynthesisParts): ReadonlySet<ThingName> {
  const { groupName, policyName, thingName } = question;
  const given = [groupName, policyName, thingName].filter((name) => name !== undefined);
  if (given.length !== 1) {
    const message = 'give one of `groupName`, `policyName` and `thingName`';
    throw new PoliciesError('policies.invalid_request', message);
  }
  if (groupName !== undefined) return thingsOfGroup(parseGroupName(groupName), parts);
  if (policyName !== undefined) return thingsOfPolicy(parsePolicyName(policyName), parts);
  return new Set([parts.things.get(parseThingName(thingName)).name]);
}

function thingsOfGroup(name: GroupName, { groups }: SynthesisParts): ReadonlySet<ThingName> {
  return groups.thingsUnder(groups.getStatic(name).name);
}

/** Those whose certificates have it, and those in and under its groups. */
function thingsOfPolicy(
  name: PolicyName,
  { things, groups, policies }: SynthesisParts,
): ReadonlySet<ThingName> {
  policies.inForce(name);
  const names = new Set<ThingName>();
  for (const certificateId of policies.certificatesOf(name))
    for (const { thingName } of things.attachmentsOf(certificateId)) names.add(thingName);
  for (const groupName of policies.groupsOf(name))
    for (const thingName of groups.thingsUnder(groupName)) names.add(thingName);
  return names;
}

/** Compared as of a device that is a thing: then a group's policies have all their say. */
function asOfAThing(policy: AttachedPolicy): AttachedPolicy {
  return { ...policy, via: 'certificate' };
}

/** The policies that the synthesised one would stand for. */
function presentPolicies(
  { groupName, policyName, thingName }: Question,
  { things, groups, policies }: SynthesisParts,
): readonly AttachedPolicy[] {
  if (policyName !== undefined) return [policies.inForce(parsePolicyName(policyName))];
  if (groupName !== undefined) {
    const name = parseGroupName(groupName);
    return policies.ofGroups([name, ...groups.surroundings(name).ancestorNames]);
  }
  const name = parseThingName(thingName);
  const own = things.certificatesOf(name).flatMap(({ certificateId }) => policies.attachedTo(certificateId));
  const all = [...own, ...policies.ofGroups(groups.lineageOf([name]))];
  return [...new Map(all.map((policy) => [policy.name, policy])).values()];
}

/** What they did since, thing by thing, until it is as much as one policy is made from. */
async function observe(
  names: readonly ThingName[],
  { activity, things, sinceMs }: SynthesisParts & { readonly sinceMs: number },
): Promise<{ readonly observed: readonly ObservedThing[]; readonly lookedAt: number }> {
  const observed: ObservedThing[] = [];
  let lookedAt = 0;
  for (let room = activity.synthesisRequestsMax; lookedAt < names.length && room > 0; ) {
    const some = names.slice(lookedAt, lookedAt + thingsPerRead);
    for (const { thingName, isSampled, entries } of await activity.find(some)) {
      const thing = things.known(thingName);
      const recent = entries.filter(({ lastSeenMs }) => lastSeenMs >= sinceMs);
      if (thing !== undefined && recent.length > 0) observed.push({ thing, entries: recent, isSampled });
      room -= recent.length;
    }
    lookedAt += some.length;
  }
  return { observed, lookedAt };
}

function nothingRecorded(things: number): PoliciesError {
  return new PoliciesError(
    'policies.nothing_recorded',
    `nothing was allowed in that time, of ${counted(things, 'thing')} looked at: there is nothing to make a policy from`,
  );
}
