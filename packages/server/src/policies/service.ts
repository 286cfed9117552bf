import type {
  CertificateId,
  Clock,
  GroupName,
  PolicyName,
  ThingName,
  Transaction,
  Transactor,
} from '@fleetward/core';
import {
  type AttachedPolicy,
  lintPolicy,
  type PolicyBinding,
  type PolicyDocument,
  parsePolicy,
} from '@fleetward/policy';
import type { Groups } from '../groups/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { certificatesUnder, type PolicyChange, type Surroundings } from './attached-sets.ts';
import { policyNotFound } from './errors.ts';
import { GuardedChanges } from './guarded-changes.ts';
import { type Guardrail, Guardrails, type GuardrailsOptions } from './guardrails.ts';
import { PolicyAttachments } from './policy-attachments.ts';
import { type ProofLimits, Prover } from './prover.ts';
import { PolicyRecords } from './records.ts';
import { PolicyRegistry } from './registry.ts';
import { assertRemovable, type SavedVersion, savedVersion } from './rules.ts';
import type { PolicyRecord, PolicyStore, PolicyVersion } from './store.ts';
import { TrialRegistry } from './trial-registry.ts';
import { PolicyVersions } from './versions.ts';

/** The rights of these certificates' connections changed. */
export interface PolicyEvent {
  readonly kind: 'policies-changed';
  readonly policyName: PolicyName;
  readonly certificateIds: readonly CertificateId[];
}

export interface PoliciesOptions {
  readonly store: PolicyStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  /** What the literals REGION and ACCOUNT_ID stand for, and what ARNs must name. */
  readonly binding: PolicyBinding;
  /** Called in the tick in which the commit is known; must not throw. */
  readonly announce: (event: PolicyEvent) => void;
  /** What decides for a claim certificate, and alone; undefined for any other. */
  readonly claimPolicies: (certificateId: CertificateId) => readonly AttachedPolicy[] | undefined;
  /** Whether the platform issued this certificate: a mistyped id must not be attached. */
  readonly isKnownCertificate: (certificateId: CertificateId) => boolean;
  readonly groups: Pick<
    Groups,
    'get' | 'getStatic' | 'hold' | 'certificatesUnder' | 'lineageOf' | 'withAncestors' | 'limits'
  >;
  /** The things the certificate speaks for. */
  readonly thingsOf: (certificateId: CertificateId) => readonly ThingName[];
  /** What goes wrong, or turns out to be wrong, in the background. */
  readonly warn: (message: string, error: unknown) => void;
  /** Guard rails from the settings, and what proofs may cost. */
  readonly guardrails: readonly Guardrail[];
  readonly proofLimits: ProofLimits & GuardrailsOptions['limits'];
  /** AWS IoT's quota of 10 if not given. */
  readonly policiesPerCertificateMax?: number;
  /** Kinds of differences kept of one trial. */
  readonly trialFindingsMax?: number;
}

/** The policies of the platform, their versions, and the certificates and groups they are attached to. */
export class Policies {
  readonly #options: PoliciesOptions;
  readonly #records: PolicyRecords;
  readonly #registry = new PolicyRegistry();
  readonly #changes: GuardedChanges;
  readonly versions: PolicyVersions;
  readonly attachments: PolicyAttachments;
  readonly guardrails: Guardrails;
  readonly prover: Prover;
  /** Versions that decide in shadow, in memory. */
  readonly trials: TrialRegistry;

  private constructor(
    options: PoliciesOptions,
    { guardrails, prover }: Pick<Policies, 'guardrails' | 'prover'>,
  ) {
    this.#options = options;
    this.#records = new PolicyRecords(options.store);
    this.guardrails = guardrails;
    this.prover = prover;
    this.#changes = new GuardedChanges({
      ...options,
      guardrails,
      around: this.#surroundings(),
      isClosed: () => prover.isClosed,
      names: async () => (await this.list()).map(({ name }) => name),
    });
    this.trials = new TrialRegistry(options.trialFindingsMax ?? 200);
    const shared = {
      ...options,
      records: this.#records,
      registry: this.#registry,
      transact: <Result>(change: PolicyChange, work: (tx: Transaction) => Promise<Result>) =>
        this.#transact(change, work),
    };
    this.versions = new PolicyVersions({
      ...shared,
      trials: this.trials,
      refresh: (name) => this.refresh(name),
    });
    this.attachments = new PolicyAttachments({
      ...shared,
      policiesPerCertificateMax: options.policiesPerCertificateMax ?? 10,
      announce: (name, certificateIds) => this.#announce(name, certificateIds),
    });
  }

  /**
   * Reads every policy in force and every attachment into memory first. Throws `policies.stored_invalid` when a stored
   * document no longer parses: to go on without it could drop a Deny.
   */
  static async open(options: PoliciesOptions): Promise<Policies> {
    const { guardrails: configured, proofLimits: limits, binding } = options;
    const parse = (document: string) => parsePolicy(document, binding).document;
    const prover = new Prover(limits);
    const guardrails = await Guardrails.open({ ...options, configured, limits, parse, prover });
    const policies = new Policies(options, { guardrails, prover });
    for (const policy of await options.store.list()) await policies.versions.load(policy);
    for (const attachment of await options.store.attachments())
      policies.#registry.certificates.attach(attachment.policyName, attachment.certificateId);
    for (const { policyName, groupName } of await options.store.groupAttachments())
      policies.#registry.groups.attach(policyName, groupName);
    for (const trial of await options.store.trials()) await policies.versions.loadTrial(trial);
    return policies;
  }

  /** Region and account the platform's ARNs name. */
  get binding(): PolicyBinding {
    return this.#options.binding;
  }

  /** Throws `policy.invalid` (nothing is stored), or `policies.exists`. */
  async create(
    policy: { readonly name: PolicyName; readonly document: string },
    actor: Actor,
  ): Promise<SavedVersion> {
    const { name, document } = policy;
    const parsed = this.versions.parse(document);
    const findings = lintPolicy(parsed.document);
    const createdAtMs = this.#options.clock.now();
    const version: PolicyVersion = { name, versionId: 1, document, createdAtMs };
    const change = { kind: 'document', name, versionId: 1, document: parsed.document } as const;
    await this.#transact(change, (tx) => this.#add(tx, { version, document: parsed.document, actor }));
    return savedVersion({ version, isDefault: true }, parsed, findings);
  }

  async #add(
    tx: Transaction,
    {
      version,
      document: parsed,
      actor,
    }: { readonly version: PolicyVersion; readonly document: PolicyDocument; readonly actor: Actor },
  ): Promise<void> {
    const { name, document, createdAtMs } = version;
    await this.#records.add(tx, { name, defaultVersionId: 1, createdAtMs }, version);
    const payload = { policyName: name, document };
    await this.#options.trail.append(tx, { kind: 'policy.created', actor, payload });
    tx.afterCommit(() => this.#registry.putInForce(name, { versionId: 1, document: parsed }));
  }

  /** Throws `policies.attached` while a certificate or a group has it. */
  remove(name: PolicyName, actor: Actor): Promise<void> {
    return this.#options.transactor.transact(async (tx) => {
      await this.#records.get(name, tx);
      assertRemovable(name, {
        certificates: this.certificatesOf(name),
        groups: this.#registry.groups.targetsOf(name),
      });
      await this.#options.store.endTrial(tx, name);
      await this.#records.remove(tx, name);
      await this.#options.trail.append(tx, { kind: 'policy.removed', actor, payload: { policyName: name } });
      tx.afterCommit(() => {
        this.trials.end(name);
        this.#registry.remove(name);
      });
    });
  }

  /**
   * Requires a proof from now on, of every policy and of all that are attached together. Throws `policies.guardrail_broken` or
   * `policies.guardrail_undecided` when it does not hold now.
   */
  requireProof(wanted: Omit<Guardrail, 'createdAtMs'>, actor: Actor): Promise<Guardrail> {
    return this.#changes.requireProof(wanted, actor);
  }

  /** Proves the guard rails of all that is in force; what is broken is told loudly and stays as it is. Does not throw. */
  checkGuardrails(): Promise<void> {
    return this.#changes.check();
  }

  /** Ends proofs under way; what waits for one is refused. */
  close(): void {
    this.prover.close();
  }

  /** Does work that attaches the policies to a certificate that is new, after what guard rails ask of them is proved. */
  whileNewcomerKept<Result>(
    newcomer: {
      readonly policyNames: readonly PolicyName[];
      readonly thingName: ThingName;
      readonly joins?: { readonly groupName: GroupName; readonly certificateIds: readonly CertificateId[] };
      /** Those a new thing is put in. */
      readonly groupNames?: readonly GroupName[];
    },
    work: (tx: Transaction) => Promise<Result>,
  ): Promise<Result> {
    const { policyNames: names, ...change } = newcomer;
    return this.#transact({ kind: 'newcomer', names, ...change }, work);
  }

  /** The same for many certificates that come together. */
  whileNewcomersKept<Result>(
    newcomers: readonly { readonly policyNames: readonly PolicyName[]; readonly thingName: ThingName }[],
    work: (tx: Transaction) => Promise<Result>,
  ): Promise<Result> {
    const changes = newcomers.map(
      ({ policyNames: names, thingName }) => ({ kind: 'newcomer', names, thingName }) as const,
    );
    return this.#changes.whileAllKept(changes, () => this.#options.transactor.transact(work));
  }

  /** Does the work after every guard rail is proved of what will decide together. */
  whileKept<Result>(change: PolicyChange, work: () => Promise<Result>): Promise<Result> {
    return this.#changes.whileKept(change, work);
  }

  #transact<Result>(change: PolicyChange, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#changes.whileKept(change, () => this.#options.transactor.transact(work));
  }

  #surroundings(): Surroundings {
    const { groups, thingsOf } = this.#options;
    return { registry: this.#registry, groups, thingsOf };
  }

  /** What decides for a claim certificate, and alone: nothing that is attached to it does. Undefined for any other. */
  ofClaim(certificateId: CertificateId): readonly AttachedPolicy[] | undefined {
    return this.#options.claimPolicies(certificateId);
  }

  /** From memory: the policies attached to the certificate itself. */
  attachedTo(certificateId: CertificateId): readonly AttachedPolicy[] {
    return this.#registry.attachedTo(certificateId);
  }

  /** From memory: the policies through the groups, each once, under the first group that has it. */
  ofGroups(groupNames: Iterable<GroupName>): readonly AttachedPolicy[] {
    return this.#registry.ofGroups(groupNames);
  }

  /** From memory: the policies attached to the group itself. */
  namesOn(groupName: GroupName): ReadonlySet<PolicyName> {
    return this.#registry.groups.policiesOf(groupName);
  }

  /** From memory: the groups the policy is attached to. */
  groupsOf(name: PolicyName): ReadonlySet<GroupName> {
    return this.#registry.groups.targetsOf(name);
  }

  /** From memory: the certificates the policy itself is attached to. */
  certificatesOf(name: PolicyName): ReadonlySet<CertificateId> {
    return this.#registry.certificates.targetsOf(name);
  }

  /** From memory. */
  has(name: PolicyName): boolean {
    return this.#registry.inForce(name) !== undefined;
  }

  /** From memory: the version in force; throws `policies.not_found`. */
  inForce(name: PolicyName): AttachedPolicy {
    const policy = this.#registry.inForce(name);
    if (policy === undefined) throw policyNotFound(name);
    return policy;
  }

  list(): Promise<readonly PolicyRecord[]> {
    return this.#options.store.list();
  }

  /** A policy and its versions; throws `policies.not_found`. */
  async get(
    name: PolicyName,
  ): Promise<{ readonly policy: PolicyRecord; readonly versions: readonly PolicyVersion[] }> {
    const policy = await this.#records.get(name);
    return { policy, versions: await this.#options.store.versions(name) };
  }

  /** Has every connection that the policy may decide compiled anew. */
  refresh(name: PolicyName): void {
    this.#announce(name, this.#certificatesUnder(name));
  }

  #certificatesUnder(name: PolicyName): readonly CertificateId[] {
    return certificatesUnder(name, this.#surroundings());
  }

  #announce(policyName: PolicyName, certificateIds: readonly CertificateId[]): void {
    this.#options.announce({ kind: 'policies-changed', policyName, certificateIds });
  }
}
