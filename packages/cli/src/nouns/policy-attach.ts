import { counted } from '@fleetward/core';
import {
  type ApiClient,
  ApiError,
  attachGroupPolicy,
  attachPolicy,
  attachThingPolicy,
  detachGroupPolicy,
  detachPolicy,
  getThing,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { usage } from '../errors.ts';
import type { Shell } from '../shell.ts';

interface TargetFlags {
  readonly certificate?: string;
  readonly thing?: string;
  readonly group?: string;
}

export function addPolicyAttach(noun: Command, { output, withApi }: Shell): void {
  const attach = addVerb(noun, 'attach <policy-name>', {
    summary: 'attach a policy to a certificate, to those of a thing, or to a group',
    description:
      'Attaches a policy to a certificate, to every certificate a thing has now, or to a group: then it holds for every thing in and under it. It takes effect on live connections at once.',
    examples: [
      'fleetward policy attach lamps --thing lamp-7',
      'fleetward policy attach lamps --certificate 9f86d081884c7d65…',
      'fleetward policy attach lamps --group hall-2',
    ],
  });
  withTarget(attach).action(async (policyName: string, flags: TargetFlags) => {
    const attached = await withApi((api) => attachTo(targetOf(flags), { api, policyName }));
    output.done(
      { policyName, ...attached, outcome: 'attached' },
      `policy \`${policyName}\` is attached to ${textOf(attached)}`,
    );
  });
}

export function addPolicyDetach(noun: Command, { output, withApi }: Shell): void {
  const detach = addVerb(noun, 'detach <policy-name>', {
    summary: 'detach a policy from a certificate, from those of a thing, or from a group',
    description:
      'Detaches a policy from a certificate, from every certificate a thing has now, or from a group. It takes effect on live connections at once.',
    examples: ['fleetward policy detach lamps --thing lamp-7'],
  });
  withTarget(detach).action(async (policyName: string, flags: TargetFlags) => {
    const detached = await withApi((api) => detachFrom(targetOf(flags), { api, policyName }));
    output.done(
      { policyName, ...detached, outcome: 'detached' },
      `policy \`${policyName}\` is detached from ${textOf(detached)}`,
    );
  });
}

function withTarget(command: Command): Command {
  return command
    .option('--certificate <id>', 'this certificate')
    .option('--thing <name>', 'every certificate of this thing')
    .option('--group <name>', 'this group');
}

type Target =
  | { readonly kind: 'certificate'; readonly certificateId: string }
  | { readonly kind: 'thing'; readonly thingName: string }
  | { readonly kind: 'group'; readonly groupName: string };

/** What a policy was attached to or detached from. */
type Outcome = { readonly certificateIds: readonly string[] } | { readonly groupName: string };

interface Call {
  readonly api: ApiClient;
  readonly policyName: string;
}

function targetOf({ certificate, thing, group }: TargetFlags): Target {
  const targets: Target[] = [];
  if (certificate !== undefined) targets.push({ kind: 'certificate', certificateId: certificate });
  if (thing !== undefined) targets.push({ kind: 'thing', thingName: thing });
  if (group !== undefined) targets.push({ kind: 'group', groupName: group });
  const [target] = targets;
  if (target === undefined || targets.length > 1)
    throw usage('give one of `--certificate`, `--thing` and `--group`');
  return target;
}

async function attachTo(target: Target, { api, policyName }: Call): Promise<Outcome> {
  if (target.kind === 'group') {
    const { groupName } = target;
    await api.call(attachGroupPolicy, { params: { policyName, groupName } });
    return { groupName };
  }
  if (target.kind === 'thing') {
    const { certificateIds } = await api.call(attachThingPolicy, {
      params: { thingName: target.thingName, policyName },
    });
    return { certificateIds };
  }
  const { certificateId } = target;
  await api.call(attachPolicy, { params: { policyName, certificateId } });
  return { certificateIds: [certificateId] };
}

async function detachFrom(target: Target, { api, policyName }: Call): Promise<Outcome> {
  if (target.kind === 'group') {
    const { groupName } = target;
    await api.call(detachGroupPolicy, { params: { policyName, groupName } });
    return { groupName };
  }
  if (target.kind === 'certificate') {
    const { certificateId } = target;
    await api.call(detachPolicy, { params: { policyName, certificateId } });
    return { certificateIds: [certificateId] };
  }
  const { certificates } = await api.call(getThing, { params: { thingName: target.thingName } });
  const detached: string[] = [];
  for (const { certificateId } of certificates) {
    if (await detachWhereAttached(certificateId, { api, policyName })) detached.push(certificateId);
  }
  return { certificateIds: detached };
}

async function detachWhereAttached(certificateId: string, { api, policyName }: Call): Promise<boolean> {
  try {
    await api.call(detachPolicy, { params: { policyName, certificateId } });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.problem?.code === 'policies.not_attached') return false;
    throw error;
  }
}

function textOf(outcome: Outcome): string {
  if ('groupName' in outcome) return `group \`${outcome.groupName}\``;
  const { certificateIds } = outcome;
  return counted(certificateIds.length, 'certificate');
}
