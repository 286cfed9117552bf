import {
  type ApiClient,
  ApiError,
  attachPolicy,
  attachThingPolicy,
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
}

export function addPolicyAttach(noun: Command, { output, withApi }: Shell): void {
  const attach = addVerb(noun, 'attach <policy-name>', {
    summary: 'attach a policy to a certificate, or to those of a thing',
    description:
      'Attaches a policy to a certificate, or to every certificate a thing has now. It takes effect on live connections at once.',
    examples: [
      'fleetward policy attach lamps --thing lamp-7',
      'fleetward policy attach lamps --certificate 9f86d081884c7d65…',
    ],
  });
  withTarget(attach).action(async (policyName: string, flags: TargetFlags) => {
    const certificateIds = await withApi((api) => attachTo(targetOf(flags), { api, policyName }));
    output.done(
      { policyName, certificateIds, outcome: 'attached' },
      `policy \`${policyName}\` is attached to ${countOf(certificateIds)}`,
    );
  });
}

export function addPolicyDetach(noun: Command, { output, withApi }: Shell): void {
  const detach = addVerb(noun, 'detach <policy-name>', {
    summary: 'detach a policy from a certificate, or from those of a thing',
    description:
      'Detaches a policy from a certificate, or from every certificate a thing has now. It takes effect on live connections at once.',
    examples: ['fleetward policy detach lamps --thing lamp-7'],
  });
  withTarget(detach).action(async (policyName: string, flags: TargetFlags) => {
    const certificateIds = await withApi((api) => detachFrom(targetOf(flags), { api, policyName }));
    output.done(
      { policyName, certificateIds, outcome: 'detached' },
      `policy \`${policyName}\` is detached from ${countOf(certificateIds)}`,
    );
  });
}

function withTarget(command: Command): Command {
  return command
    .option('--certificate <id>', 'this certificate')
    .option('--thing <name>', 'every certificate of this thing');
}

type Target =
  | { readonly kind: 'certificate'; readonly certificateId: string }
  | { readonly kind: 'thing'; readonly thingName: string };

interface Call {
  readonly api: ApiClient;
  readonly policyName: string;
}

function targetOf({ certificate, thing }: TargetFlags): Target {
  if (certificate !== undefined && thing === undefined)
    return { kind: 'certificate', certificateId: certificate };
  if (thing !== undefined && certificate === undefined) return { kind: 'thing', thingName: thing };
  throw usage('give either `--certificate` or `--thing`');
}

async function attachTo(target: Target, { api, policyName }: Call): Promise<readonly string[]> {
  if (target.kind === 'thing') {
    const { certificateIds } = await api.call(attachThingPolicy, {
      params: { thingName: target.thingName, policyName },
    });
    return certificateIds;
  }
  const { certificateId } = target;
  await api.call(attachPolicy, { params: { policyName, certificateId } });
  return [certificateId];
}

async function detachFrom(target: Target, { api, policyName }: Call): Promise<readonly string[]> {
  if (target.kind === 'certificate') {
    const { certificateId } = target;
    await api.call(detachPolicy, { params: { policyName, certificateId } });
    return [certificateId];
  }
  const { certificates } = await api.call(getThing, { params: { thingName: target.thingName } });
  const detached: string[] = [];
  for (const { certificateId } of certificates) {
    if (await detachWhereAttached(certificateId, { api, policyName })) detached.push(certificateId);
  }
  return detached;
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

function countOf(certificateIds: readonly string[]): string {
  return certificateIds.length === 1 ? 'one certificate' : `${certificateIds.length} certificates`;
}
