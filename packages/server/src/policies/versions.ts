import type { Clock, PolicyName, Transaction, Transactor } from '@fleetward/core';
import {
  lintPolicy,
  type ParsedPolicy,
  type PolicyBinding,
  type PolicyDocument,
  parsePolicy,
} from '@fleetward/policy';
import type { Actor, Trail } from '../trail/index.ts';
import type { PolicyChange } from './attached-sets.ts';
import { PoliciesError, versionInForce, versionInTrial } from './errors.ts';
import type { PolicyRecords, VersionKey } from './records.ts';
import type { PolicyRegistry } from './registry.ts';
import { type SavedVersion, savedVersion } from './rules.ts';
import type { PolicyRecord, PolicyStore, PolicyTrial, PolicyVersion } from './store.ts';
import type { TrialRegistry } from './trial-registry.ts';

export interface VersionsParts {
  readonly store: Pick<PolicyStore, 'setDefaultVersion' | 'endTrial'>;
  readonly records: PolicyRecords;
  readonly registry: PolicyRegistry;
  readonly trials: TrialRegistry;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly binding: PolicyBinding;
  /** Does the work in a transaction after the guard rails are proved of what the change makes. */
  readonly transact: <Result>(
    change: PolicyChange,
    work: (tx: Transaction) => Promise<Result>,
  ) => Promise<Result>;
  /** Has every connection that the policy may decide compiled anew. */
  readonly refresh: (name: PolicyName) => void;
}

/** The versions of policies: at most five each, one of them in force; what does not parse is never kept. */
export class PolicyVersions {
  readonly #parts: VersionsParts;

  constructor(parts: VersionsParts) {
    this.#parts = parts;
  }

  /** Parses a document as it would be at save time, without saving it. Throws `policy.invalid`. */
  parse(document: string): ParsedPolicy {
    return parsePolicy(document, this.#parts.binding);
  }

  /** Throws `policy.invalid`, `policies.not_found`, or `policies.version_limit` when it has 5 versions already. */
  async create(
    wanted: { readonly name: PolicyName; readonly document: string; readonly setAsDefault: boolean },
    actor: Actor,
  ): Promise<SavedVersion> {
    const { records, trail, clock, transact } = this.#parts;
    const { name, document, setAsDefault } = wanted;
    const parsed = this.parse(document);
    const findings = lintPolicy(parsed.document);
    // Refused when saved, also where it is not put in force yet: otherwise `set-default` would be the first to say so.
    const change = { kind: 'document', name, versionId: 0, document: parsed.document } as const;
    const version = await transact(change, async (tx) => {
      const added = await records.addVersion(tx, { name, document, createdAtMs: clock.now() });
      const payload = { policyName: name, versionId: added.versionId, document };
      await trail.append(tx, { kind: 'policy.version_created', actor, payload });
      if (setAsDefault) await this.#putInForce(tx, added, { parsed, actor });
      return added;
    });
    return savedVersion({ version, isDefault: setAsDefault }, parsed, findings);
  }

  /** Puts a version in force, on live connections too; `within` joins the change. Throws `policies.version_not_found`. */
  async setDefault(
    key: VersionKey,
    actor: Actor,
    within: (tx: Transaction) => Promise<void> = async () => undefined,
  ): Promise<void> {
    const { records, transact } = this.#parts;
    const parsed = this.#parseStored(await records.version(key));
    const change = { kind: 'document', ...key, document: parsed.document } as const;
    await transact(change, async (tx) => {
      const version = await records.version(key, tx);
      await within(tx);
      await this.#putInForce(tx, version, { parsed, actor });
    });
  }

  /** The document of a stored version that is not in force. Throws `policies.version_not_found` or `policies.default_version`. */
  async candidate(tx: Transaction, key: VersionKey): Promise<PolicyDocument> {
    const { records } = this.#parts;
    const version = await records.version(key, tx);
    const policy = await records.get(key.name, tx);
    if (policy.defaultVersionId === key.versionId) throw versionInForce(key);
    return this.#parseStored(version).document;
  }

  /** Throws `policies.default_version` for the one in force, and `policies.in_trial`. */
  remove(key: VersionKey, actor: Actor): Promise<void> {
    const { records, trials, transactor, trail } = this.#parts;
    return transactor.transact(async (tx) => {
      if (trials.find(key.name)?.versionId === key.versionId) throw versionInTrial(key);
      await records.removeVersion(tx, key);
      const payload = { policyName: key.name, versionId: key.versionId };
      await trail.append(tx, { kind: 'policy.version_removed', actor, payload });
    });
  }

  /** Reads what is in force of the policy into memory. Throws `policies.stored_invalid`. */
  async load({ name, defaultVersionId: versionId }: PolicyRecord): Promise<void> {
    const { document } = this.#parseStored(await this.#parts.records.version({ name, versionId }));
    this.#parts.registry.putInForce(name, { versionId, document });
  }

  /** Reads the version on trial into memory. Throws `policies.stored_invalid`. */
  async loadTrial(trial: PolicyTrial): Promise<void> {
    const { policyName: name, versionId } = trial;
    const version = await this.#parts.records.version({ name, versionId });
    this.#parts.trials.start(trial, this.#parseStored(version).document);
  }

  async #putInForce(
    tx: Transaction,
    version: PolicyVersion,
    by: { readonly parsed: ParsedPolicy; readonly actor: Actor },
  ): Promise<void> {
    const { store, registry, trials, trail, refresh } = this.#parts;
    const { name, versionId } = version;
    await store.setDefaultVersion(tx, { name, versionId });
    const payload = { policyName: name, versionId };
    await trail.append(tx, { kind: 'policy.default_changed', actor: by.actor, payload });
    // A trial compares with what is in force, and that is another now.
    await store.endTrial(tx, name);
    tx.afterCommit(() => {
      trials.end(name);
      registry.putInForce(name, { versionId, document: by.parsed.document });
      refresh(name);
    });
  }

  #parseStored(version: PolicyVersion): ParsedPolicy {
    try {
      return this.parse(version.document);
    } catch (cause) {
      const message = `version ${version.versionId} of policy \`${version.name}\` is stored but does not parse`;
      throw new PoliciesError('policies.stored_invalid', message, { cause });
    }
  }
}
