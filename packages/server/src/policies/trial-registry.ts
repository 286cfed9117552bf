import type { PolicyName, ThingName } from '@fleetward/core';
import {
  type AttachedPolicy,
  type PolicyAction,
  type PolicyDocument,
  resourceTypeOf,
} from '@fleetward/policy';
import type { PolicyTrial, TrialFinding, TrialState } from './store.ts';

/** A trial in memory; its state changes with each decision. */
interface Running extends Omit<PolicyTrial, 'state'> {
  readonly document: PolicyDocument;
  readonly findings: Map<string, TrialFinding>;
  decisions: number;
  unlisted: { wouldDeny: number; wouldAllow: number };
  isDirty: boolean;
}

export type TrialKey = Pick<PolicyTrial, 'policyName' | 'versionId'>;

/** What was decided, and what the version in trial would have decided. */
export interface TrialDecision {
  readonly action: PolicyAction;
  readonly name: string;
  readonly clientId: string;
  readonly thingName: ThingName | undefined;
  readonly isAllowed: boolean;
  readonly wouldAllow: boolean;
  /** 0 for a difference that is told before it is counted. */
  readonly count: number;
  readonly explain: () => string;
}

export const freshTrial: TrialState = {
  decisions: 0,
  findings: [],
  unlisted: { wouldDeny: 0, wouldAllow: 0 },
};

/** The trials that run, and what they found: differences by action and resource, at most `findingsMax` a trial, the rest counted. */
export class TrialRegistry {
  readonly #findingsMax: number;
  readonly #running = new Map<PolicyName, Running>();

  constructor(findingsMax: number) {
    this.#findingsMax = findingsMax;
  }

  get size(): number {
    return this.#running.size;
  }

  start({ state, ...trial }: PolicyTrial, document: PolicyDocument): void {
    const findings = new Map(state.findings.map((finding) => [keyOf(finding), finding]));
    const { decisions, unlisted } = state;
    const running = { ...trial, document, findings, decisions, unlisted: { ...unlisted }, isDirty: false };
    this.#running.set(trial.policyName, running);
  }

  end(name: PolicyName): void {
    this.#running.delete(name);
  }

  find(name: PolicyName): PolicyTrial | undefined {
    const running = this.#running.get(name);
    return running === undefined ? undefined : trialOf(running);
  }

  /** For each trial among the policies: all of them with the version in trial in its policy's place. */
  among(
    policies: readonly AttachedPolicy[],
  ): readonly { readonly key: TrialKey; readonly policies: readonly AttachedPolicy[] }[] {
    if (this.#running.size === 0) return [];
    return policies.flatMap(({ name }) => {
      const running = this.#running.get(name as PolicyName);
      if (running === undefined) return [];
      const { policyName, versionId, document } = running;
      const replaced = policies.map((policy) =>
        policy.name === name ? { ...policy, versionId, document } : policy,
      );
      return [{ key: { policyName, versionId }, policies: replaced }];
    });
  }

  observe(key: TrialKey, decision: TrialDecision, atMs: number): void {
    const running = this.#running.get(key.policyName);
    if (running === undefined || running.versionId !== key.versionId) return;
    running.decisions += decision.count;
    running.isDirty = true;
    if (decision.isAllowed !== decision.wouldAllow) this.#note(running, decision, atMs);
  }

  /** What changed since it was asked last. */
  takeDirty(): readonly PolicyTrial[] {
    const dirty = [...this.#running.values()].filter(({ isDirty }) => isDirty);
    for (const running of dirty) running.isDirty = false;
    return dirty.map(trialOf);
  }

  /** What was taken could not be written. */
  putBack({ policyName }: PolicyTrial): void {
    const running = this.#running.get(policyName);
    if (running !== undefined) running.isDirty = true;
  }

  #note(running: Running, decision: TrialDecision, atMs: number): void {
    const kind = decision.wouldAllow ? 'wouldAllow' : 'wouldDeny';
    const resource = resourceOf(decision);
    const key = keyOf({ kind, action: decision.action, resource });
    const known = running.findings.get(key);
    if (known === undefined && running.findings.size >= this.#findingsMax) {
      running.unlisted[kind] += Math.max(1, decision.count);
      return;
    }
    const first = known ?? findingOf(decision, { kind, resource, atMs });
    running.findings.set(key, { ...first, count: first.count + decision.count, lastSeenMs: atMs });
  }
}

function trialOf({
  document: _,
  findings,
  decisions,
  unlisted,
  isDirty: __,
  ...trial
}: Running): PolicyTrial {
  return { ...trial, state: { decisions, findings: [...findings.values()], unlisted: { ...unlisted } } };
}

function findingOf(
  { action, name, clientId, thingName, explain }: TrialDecision,
  { kind, resource, atMs }: Pick<TrialFinding, 'kind' | 'resource'> & { readonly atMs: number },
): TrialFinding {
  const who = thingName === undefined ? {} : { thingName };
  const example = { ...who, clientId, name, explanation: explain() };
  return { kind, action, resource, count: 0, firstSeenMs: atMs, lastSeenMs: atMs, example };
}

/** Alike for every thing: its own name as the variable. */
function resourceOf({ action, name, thingName }: TrialDecision): string {
  const levels = name
    .split('/')
    .map((level) => (level === thingName ? '${iot:Connection.Thing.ThingName}' : level));
  return `${resourceTypeOf(action)}/${levels.join('/')}`;
}

function keyOf({ kind, action, resource }: Pick<TrialFinding, 'kind' | 'action' | 'resource'>): string {
  return `${kind} ${action} ${resource}`;
}
