import type { CertificateId, GroupName, PolicyName, ThingName, Transaction } from '@fleetward/core';

export interface PolicyRecord {
  readonly name: PolicyName;
  readonly defaultVersionId: number;
  /** In force before that, as long as it is stored. */
  readonly previousVersionId?: number;
  readonly createdAtMs: number;
}

export interface PolicyVersion {
  readonly name: PolicyName;
  /** 1, 2, 3, …; never reused within a policy. */
  readonly versionId: number;
  /** The document's text as it was saved. */
  readonly document: string;
  readonly createdAtMs: number;
}

export interface PolicyAttachment {
  readonly policyName: PolicyName;
  readonly certificateId: CertificateId;
}

export interface GroupAttachment {
  readonly policyName: PolicyName;
  readonly groupName: GroupName;
}

/** A proof that is required of a policy, or of every policy. */
export interface GuardrailRecord {
  readonly name: string;
  readonly policyName?: PolicyName;
  /** What has to be proved, as JSON. */
  readonly property: string;
  readonly createdAtMs: number;
}

/** What a version in trial would have decided otherwise, alike for every thing. */
export interface TrialFinding {
  readonly kind: 'wouldDeny' | 'wouldAllow';
  readonly action: string;
  /** `topic/a/${iot:Connection.Thing.ThingName}` */
  readonly resource: string;
  readonly count: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** The first of them. */
  readonly example: {
    readonly thingName?: ThingName;
    readonly clientId: string;
    readonly name: string;
    readonly explanation: string;
  };
}

export interface TrialState {
  readonly decisions: number;
  readonly findings: readonly TrialFinding[];
  /** Decisions beyond the findings that are kept. */
  readonly unlisted: { readonly wouldDeny: number; readonly wouldAllow: number };
}

/** A version that decides in shadow. */
export interface PolicyTrial {
  readonly policyName: PolicyName;
  readonly versionId: number;
  readonly startedAtMs: number;
  readonly state: TrialState;
}

export interface PolicyStore {
  /** Stores the policy with its first version. Refuses a name that exists with `StoreError` `store.conflict`. */
  add(tx: Transaction, policy: PolicyRecord, version: PolicyVersion): Promise<void>;
  find(name: PolicyName, tx?: Transaction): Promise<PolicyRecord | undefined>;
  list(): Promise<readonly PolicyRecord[]>;
  addVersion(tx: Transaction, version: PolicyVersion): Promise<void>;
  versions(name: PolicyName, tx?: Transaction): Promise<readonly PolicyVersion[]>;
  /** The highest version id ever given out, deleted ones included. */
  lastVersionId(tx: Transaction, name: PolicyName): Promise<number>;
  removeVersion(
    tx: Transaction,
    version: { readonly name: PolicyName; readonly versionId: number },
  ): Promise<boolean>;
  setDefaultVersion(
    tx: Transaction,
    version: { readonly name: PolicyName; readonly versionId: number },
  ): Promise<void>;
  remove(tx: Transaction, name: PolicyName): Promise<boolean>;
  /** Idempotent. */
  attach(tx: Transaction, attachment: PolicyAttachment): Promise<void>;
  detach(tx: Transaction, attachment: PolicyAttachment): Promise<boolean>;
  /** Every attachment, for the registry in memory. */
  attachments(): Promise<readonly PolicyAttachment[]>;
  /** Idempotent. */
  attachToGroup(tx: Transaction, attachment: GroupAttachment): Promise<void>;
  detachFromGroup(tx: Transaction, attachment: GroupAttachment): Promise<boolean>;
  /** Every attachment to a group, for the registry in memory. */
  groupAttachments(): Promise<readonly GroupAttachment[]>;
  /** Refuses a name that exists with `StoreError` `store.conflict`. */
  addGuardrail(tx: Transaction, guardrail: GuardrailRecord): Promise<void>;
  removeGuardrail(tx: Transaction, name: string): Promise<boolean>;
  guardrails(): Promise<readonly GuardrailRecord[]>;
  /** In the place of the policy's trial, if there is one. */
  startTrial(tx: Transaction, trial: PolicyTrial): Promise<void>;
  /** Keeps what it found, if it is the trial that runs. */
  saveTrial(tx: Transaction, trial: PolicyTrial): Promise<void>;
  endTrial(tx: Transaction, name: PolicyName): Promise<boolean>;
  trials(): Promise<readonly PolicyTrial[]>;
}
