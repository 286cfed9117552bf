import {
  type CertificateId,
  type Clock,
  parseCertificateId,
  parseGroupName,
  parsePolicyName,
  parseThingName,
} from '@fleetward/core';
import type { CertificateContext, PolicyDiff } from '@fleetward/policy';
import {
  attachGroupPolicy,
  attachPolicy,
  attachThingPolicy,
  createPolicy,
  createPolicyVersion,
  detachGroupPolicy,
  detachPolicy,
  getPolicy,
  getPolicyVersion,
  listPolicies,
  removePolicy,
  removePolicyVersion,
  setDefaultPolicyVersion,
  synthesisePolicyDocument,
  testPolicy,
} from '@fleetward/protocol';
import type { Activity } from '../activity/index.ts';
import type { Groups } from '../groups/index.ts';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Things } from '../things/index.ts';
import { versionNotFound } from './errors.ts';
import { findingsOf } from './findings.ts';
import { guardrailHandlers } from './guardrail-http.ts';
import { decideHypothetically } from './hypothesis.ts';
import { hypotheticalPrincipal } from './hypothetical-principal.ts';
import { proofHandlers } from './proof-http.ts';
import type { SavedVersion } from './rules.ts';
import type { Policies } from './service.ts';
import { synthesise } from './synthesis.ts';
import { trialHandlers } from './trial-http.ts';
import type { PolicyTrials } from './trials.ts';

export interface PolicyHandlersOptions {
  readonly policies: Policies;
  readonly things: Things;
  readonly groups: Groups;
  readonly activity: Activity;
  readonly trials: PolicyTrials;
  /** Has live connections hand in what they have counted. */
  readonly collect: () => Promise<void>;
  readonly clock: Clock;
  /** The certificate as policy variables see it; undefined when the platform does not know it. */
  readonly certificateContext: (certificateId: CertificateId) => Promise<CertificateContext | undefined>;
  /** Whether the platform would let the certificate connect now. */
  readonly mayConnect: (certificateId: CertificateId) => boolean;
}

export function policyHandlers(options: PolicyHandlersOptions): readonly RouteHandler[] {
  return [
    ...documentHandlers(options),
    ...attachmentHandlers(options),
    testHandler(options),
    synthesisHandler(options),
    ...guardrailHandlers(options.policies),
    ...proofHandlers(options.policies),
    ...trialHandlers(options),
  ];
}

function documentHandlers({ policies }: PolicyHandlersOptions): readonly RouteHandler[] {
  return [
    handle(createPolicy, async ({ body, caller }) => {
      const policy = { name: parsePolicyName(body.policyName), document: body.document };
      return viewOfSaved(await policies.create(policy, operatorActor(caller)));
    }),
    handle(listPolicies, async () => ({
      policies: (await policies.list()).map(({ name, ...rest }) => ({ policyName: name, ...rest })),
    })),
    handle(getPolicy, async ({ params }) => detailsOf(policies, params.policyName)),
    handle(removePolicy, async ({ params, caller }) => {
      await policies.remove(parsePolicyName(params.policyName), operatorActor(caller));
      return undefined;
    }),
    handle(createPolicyVersion, async ({ params, body, caller }) => {
      const name = parsePolicyName(params.policyName);
      const version = { name, document: body.document, setAsDefault: body.setAsDefault ?? false };
      return viewOfSaved(await policies.versions.create(version, operatorActor(caller)));
    }),
    handle(getPolicyVersion, async ({ params }) => versionOf(policies, versionKey(params))),
    handle(removePolicyVersion, async ({ params, caller }) => {
      await policies.versions.remove(versionKey(params), operatorActor(caller));
      return undefined;
    }),
    handle(setDefaultPolicyVersion, async ({ params, body, caller }) => {
      const name = parsePolicyName(params.policyName);
      await policies.versions.setDefault({ name, versionId: body.versionId }, operatorActor(caller));
      return undefined;
    }),
  ];
}

function attachmentHandlers({ policies, things }: PolicyHandlersOptions): readonly RouteHandler[] {
  return [
    handle(attachPolicy, async ({ params, caller }) => {
      await policies.attachments.attach(attachmentOf(params), operatorActor(caller));
      return undefined;
    }),
    handle(detachPolicy, async ({ params, caller }) => {
      await policies.attachments.detach(attachmentOf(params), operatorActor(caller));
      return undefined;
    }),
    handle(attachGroupPolicy, async ({ params, caller }) => {
      await policies.attachments.attachToGroup(groupAttachmentOf(params), operatorActor(caller));
      return undefined;
    }),
    handle(detachGroupPolicy, async ({ params, caller }) => {
      await policies.attachments.detachFromGroup(groupAttachmentOf(params), operatorActor(caller));
      return undefined;
    }),
    handle(attachThingPolicy, async ({ params, caller }) => {
      const policyName = parsePolicyName(params.policyName);
      const thing = things.get(parseThingName(params.thingName));
      const certificateIds = things.certificatesOf(thing.name).map(({ certificateId }) => certificateId);
      await policies.attachments.attachAll({ policyName, certificateIds }, operatorActor(caller));
      return { certificateIds };
    }),
  ];
}

function testHandler(options: PolicyHandlersOptions): RouteHandler {
  return handle(testPolicy, async ({ body }) => {
    const { named, ...principal } = await hypotheticalPrincipal(body, options);
    const { policies, clock } = options;
    const { thing } = principal.context;
    return {
      principal: { ...named, ...(thing === undefined ? {} : { thingName: thing.name }) },
      results: [...decideHypothetically(body.requests, { ...principal, binding: policies.binding, clock })],
    };
  });
}

function synthesisHandler(options: PolicyHandlersOptions): RouteHandler {
  return handle(synthesisePolicyDocument, async ({ body }) => {
    const { statements, warnings, beyond, ...rest } = await synthesise(body, options);
    return {
      ...rest,
      statements: statements.map((statement) => ({ ...statement, resources: [...statement.resources] })),
      warnings: [...warnings],
      beyond: viewOfDiff(beyond),
    };
  });
}

function viewOfDiff({ additions, isExact, reason }: PolicyDiff) {
  return {
    isExact,
    ...(reason === undefined ? {} : { reason }),
    additions: additions.slice(0, 100).map(({ actions, pattern, example }) => ({
      actions: [...actions],
      scope: pattern.scope,
      resources: [...pattern.resources],
      when: [...pattern.when],
      example: { action: example.action, resource: example.resource },
    })),
  };
}

async function detailsOf(policies: Policies, policyName: string) {
  const { policy, versions } = await policies.get(parsePolicyName(policyName));
  const inForce = versions.find(({ versionId }) => versionId === policy.defaultVersionId);
  if (inForce === undefined) throw versionNotFound(policy.name, policy.defaultVersionId);
  const certificates = policies.certificatesOf(policy.name);
  return {
    policyName: policy.name,
    defaultVersionId: policy.defaultVersionId,
    ...(policy.previousVersionId === undefined ? {} : { previousVersionId: policy.previousVersionId }),
    createdAtMs: policy.createdAtMs,
    document: inForce.document,
    versions: versions.map(({ versionId, createdAtMs }) => {
      return { versionId, createdAtMs, isDefault: versionId === policy.defaultVersionId };
    }),
    certificateIds: certificates.values().take(1000).toArray(),
    certificateCount: certificates.size,
    groupNames: policies.groupsOf(policy.name).values().take(1000).toArray(),
    findings: findingsOf(policies, policy.name).map((finding) => ({ ...finding })),
  };
}

async function versionOf(policies: Policies, key: ReturnType<typeof versionKey>) {
  const { policy, versions } = await policies.get(key.name);
  const version = versions.find(({ versionId }) => versionId === key.versionId);
  if (version === undefined) throw versionNotFound(key.name, key.versionId);
  const { name, ...rest } = version;
  return { policyName: name, ...rest, isDefault: version.versionId === policy.defaultVersionId };
}

function viewOfSaved({ version, isDefault, notes, findings }: SavedVersion) {
  return {
    policyName: version.name,
    versionId: version.versionId,
    isDefault,
    notes: notes.map(({ path, message }) => ({ path, message })),
    findings: findings.map(({ id, severity, path, message, fix }) => ({ id, severity, path, message, fix })),
  };
}

function versionKey(params: { readonly policyName: string; readonly versionId: string }) {
  return { name: parsePolicyName(params.policyName), versionId: Number(params.versionId) };
}

function attachmentOf(params: { readonly policyName: string; readonly certificateId: string }) {
  return {
    policyName: parsePolicyName(params.policyName),
    certificateId: parseCertificateId(params.certificateId),
  };
}

function groupAttachmentOf(params: { readonly policyName: string; readonly groupName: string }) {
  return { policyName: parsePolicyName(params.policyName), groupName: parseGroupName(params.groupName) };
}
