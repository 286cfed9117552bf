import type { PolicyName, Transaction } from '@fleetward/core';
import { isConflict } from '../store-error.ts';
import { PoliciesError, policyNotFound, versionInForce, versionNotFound } from './errors.ts';
import { assertVersionAddable } from './rules.ts';
import type { PolicyRecord, PolicyStore, PolicyVersion } from './store.ts';

export type VersionKey = Pick<PolicyVersion, 'name' | 'versionId'>;

/** The policy store in the terms of this domain: what is missing or in the way is a `PoliciesError`. */
export class PolicyRecords {
  readonly #store: PolicyStore;

  constructor(store: PolicyStore) {
    this.#store = store;
  }

  async get(name: PolicyName, tx?: Transaction): Promise<PolicyRecord> {
    const policy = await this.#store.find(name, tx);
    if (policy === undefined) throw policyNotFound(name);
    return policy;
  }

  async version({ name, versionId }: VersionKey, tx?: Transaction): Promise<PolicyVersion> {
    const versions = await this.#store.versions(name, tx);
    const version = versions.find((candidate) => candidate.versionId === versionId);
    if (version === undefined) throw versionNotFound(name, versionId);
    return version;
  }

  async add(tx: Transaction, policy: PolicyRecord, version: PolicyVersion): Promise<void> {
    try {
      await this.#store.add(tx, policy, version);
    } catch (cause) {
      if (!isConflict(cause)) throw cause;
      throw new PoliciesError('policies.exists', `there is a policy \`${policy.name}\` already`, { cause });
    }
  }

  /** Gives the version the next number that was never given out. */
  async addVersion(tx: Transaction, wanted: Omit<PolicyVersion, 'versionId'>): Promise<PolicyVersion> {
    await this.get(wanted.name, tx);
    const last = await this.#store.lastVersionId(tx, wanted.name);
    assertVersionAddable(wanted.name, await this.#store.versions(wanted.name, tx));
    const version = { ...wanted, versionId: last + 1 };
    await this.#store.addVersion(tx, version);
    return version;
  }

  /** Throws `policies.default_version` for the one in force. */
  async removeVersion(tx: Transaction, key: VersionKey): Promise<void> {
    const policy = await this.get(key.name, tx);
    if (policy.defaultVersionId === key.versionId) throw versionInForce(key);
    if (!(await this.#store.removeVersion(tx, key))) throw versionNotFound(key.name, key.versionId);
  }

  async remove(tx: Transaction, name: PolicyName): Promise<void> {
    try {
      if (!(await this.#store.remove(tx, name))) throw policyNotFound(name);
    } catch (cause) {
      if (!isConflict(cause)) throw cause;
      // An attachment in the records that memory will know of in a moment.
      throw new PoliciesError(
        'policies.attached',
        `policy \`${name}\` is attached to a certificate or a group`,
        {
          cause,
        },
      );
    }
  }
}
