import type { Clock, PolicyName, Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../trail/index.ts';
import { noTrial, PoliciesError } from './errors.ts';
import type { VersionKey } from './records.ts';
import { assertPromotable } from './rules.ts';
import type { Policies } from './service.ts';
import type { PolicyStore, PolicyTrial } from './store.ts';
import { freshTrial } from './trial-registry.ts';

export interface PolicyTrialsOptions {
  readonly store: PolicyStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly policies: Policies;
  readonly trialsMax: number;
}

/** Versions that decide in shadow on live connections, on their way into force. */
export class PolicyTrials {
  readonly #options: PolicyTrialsOptions;

  constructor(options: PolicyTrialsOptions) {
    this.#options = options;
  }

  /** In the place of a trial of another version, if there is one. Throws `policies.version_not_found`, `policies.default_version` or `policies.trial_limit`. */
  start(key: VersionKey, actor: Actor): Promise<PolicyTrial> {
    const { store, transactor, trail, clock, policies } = this.#options;
    return transactor.transact(async (tx) => {
      this.#assertRoom(key.name);
      const document = await policies.versions.candidate(tx, key);
      const trial: PolicyTrial = {
        policyName: key.name,
        versionId: key.versionId,
        startedAtMs: clock.now(),
        state: freshTrial,
      };
      await store.startTrial(tx, trial);
      const payload = { policyName: key.name, versionId: key.versionId };
      await trail.append(tx, { kind: 'policy.trial_started', actor, payload });
      tx.afterCommit(() => {
        policies.trials.start(trial, document);
        policies.refresh(key.name);
      });
      return trial;
    });
  }

  /** Throws `policies.no_trial`. */
  stop(name: PolicyName, actor: Actor): Promise<void> {
    const { store, transactor, trail, policies } = this.#options;
    return transactor.transact(async (tx) => {
      const { versionId } = this.get(name);
      if (!(await store.endTrial(tx, name))) throw noTrial(name);
      const payload = { policyName: name, versionId };
      await trail.append(tx, { kind: 'policy.trial_stopped', actor, payload });
      tx.afterCommit(() => {
        policies.trials.end(name);
        policies.refresh(name);
      });
    });
  }

  /**
   * Puts the version in trial in force. Throws `policies.no_trial`, and without `force` `policies.trial_not_clean` when it would have denied
   * something, or has seen nothing.
   */
  async promote(
    { name, force }: { readonly name: PolicyName; readonly force: boolean },
    actor: Actor,
  ): Promise<VersionKey> {
    const { trail, policies } = this.#options;
    const trial = this.get(name);
    if (!force) assertPromotable(trial);
    const key = { name, versionId: trial.versionId };
    await policies.versions.setDefault(key, actor, async (tx) => {
      const { decisions, findings } = trial.state;
      const wouldDeny = findings.filter(({ kind }) => kind === 'wouldDeny').length;
      const payload = { policyName: name, versionId: trial.versionId, decisions, wouldDeny, forced: force };
      await trail.append(tx, { kind: 'policy.promoted', actor, payload });
    });
    return key;
  }

  /** Puts the version in force that was before. Throws `policies.no_previous`. */
  async rollback(name: PolicyName, actor: Actor): Promise<VersionKey> {
    const { policies } = this.#options;
    const { policy } = await policies.get(name);
    const versionId = policy.previousVersionId;
    if (versionId === undefined) throw noPrevious(name);
    const key = { name, versionId };
    await policies.versions.setDefault(key, actor);
    return key;
  }

  /** From memory; throws `policies.no_trial`. */
  get(name: PolicyName): PolicyTrial {
    const trial = this.#options.policies.trials.find(name);
    if (trial === undefined) throw noTrial(name);
    return trial;
  }

  /** Writes what trials found since the last time; a restart goes on with it. */
  async flush(): Promise<void> {
    const { store, transactor, policies } = this.#options;
    for (const trial of policies.trials.takeDirty()) {
      try {
        await transactor.transact((tx) => store.saveTrial(tx, trial));
      } catch (error) {
        policies.trials.putBack(trial);
        throw error;
      }
    }
  }

  #assertRoom(name: PolicyName): void {
    const { policies, trialsMax } = this.#options;
    if (policies.trials.size < trialsMax || policies.trials.find(name) !== undefined) return;
    throw new PoliciesError(
      'policies.trial_limit',
      `${trialsMax} trials run already (setting \`trials.trialsMax\`): stop one first`,
    );
  }
}

function noPrevious(name: PolicyName): PoliciesError {
  return new PoliciesError(
    'policies.no_previous',
    `no other version of policy \`${name}\` was in force before`,
  );
}
