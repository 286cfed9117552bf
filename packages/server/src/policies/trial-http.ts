import { parsePolicyName } from '@fleetward/core';
import {
  getPolicyTrial,
  promotePolicy,
  rollbackPolicy,
  startPolicyTrial,
  stopPolicyTrial,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { VersionKey } from './records.ts';
import { isClean } from './rules.ts';
import type { PolicyTrial } from './store.ts';
import type { PolicyTrials } from './trials.ts';

export interface TrialHandlersOptions {
  readonly trials: PolicyTrials;
  /** Has live connections hand in what they have counted. */
  readonly collect: () => Promise<void>;
}

export function trialHandlers({ trials, collect }: TrialHandlersOptions): readonly RouteHandler[] {
  return [
    handle(startPolicyTrial, async ({ params, body, caller }) => {
      const key = { name: parsePolicyName(params.policyName), versionId: body.versionId };
      return viewOf(await trials.start(key, operatorActor(caller)));
    }),
    handle(getPolicyTrial, async ({ params }) => {
      await collect();
      return viewOf(trials.get(parsePolicyName(params.policyName)));
    }),
    handle(stopPolicyTrial, async ({ params, caller }) => {
      await trials.stop(parsePolicyName(params.policyName), operatorActor(caller));
      return undefined;
    }),
    handle(promotePolicy, async ({ params, body, caller }) => {
      await collect();
      const wanted = { name: parsePolicyName(params.policyName), force: body.force ?? false };
      return viewOfVersion(await trials.promote(wanted, operatorActor(caller)));
    }),
    handle(rollbackPolicy, async ({ params, caller }) =>
      viewOfVersion(await trials.rollback(parsePolicyName(params.policyName), operatorActor(caller))),
    ),
  ];
}

function viewOf({ state: { decisions, findings, unlisted }, ...trial }: PolicyTrial) {
  return {
    ...trial,
    isClean: isClean({ decisions, findings, unlisted }),
    decisions,
    findings: [...findings],
    unlisted: { ...unlisted },
  };
}

function viewOfVersion({ name, versionId }: VersionKey) {
  return { policyName: name, versionId };
}
