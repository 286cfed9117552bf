import type { CertificateId, Clock, ThingName, Transaction } from '@fleetward/core';
import { type Certificate, parseCertificate } from '@fleetward/pki';
import type { Certificates, SignedCertificate } from '../certificates/index.ts';
import { type Policies, PoliciesError } from '../policies/index.ts';
import { type Things, ThingsError } from '../things/index.ts';
import type { Actor } from '../trail/index.ts';
import { type Turns, takeAll } from '../turns.ts';
import { certificatesHeld, keyInUse, tooManyHeld } from './conflicts.ts';
import {
  type JudgedRequest,
  judgeRequest,
  type OperatorRequest,
  type RequestRules,
} from './operator-requests.ts';
import { type Refusal, refuse } from './refusal.ts';

export interface OperatorIssuanceOptions {
  readonly things: Things;
  readonly policies: Policies;
  readonly certificates: Certificates;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly settings: { readonly activePerThingMax: number };
}

export type IssueOutcome =
  | Refusal
  | {
      readonly kind: 'issued';
      /** The same as before: the same key, name and profile were given again. */
      readonly isRepeated: boolean;
      readonly name: string;
      readonly certificateId: CertificateId;
      /** Leaf first, without the root. */
      readonly chain: readonly Certificate[];
      /** Others that speak for the thing, or may again. */
      readonly others: readonly CertificateId[];
    };

interface Signed {
  readonly request: JudgedRequest;
  readonly signed: SignedCertificate;
}

/** Certificates that operators ask for themselves, many at once. */
export class OperatorIssuance {
  readonly #options: OperatorIssuanceOptions;

  constructor(options: OperatorIssuanceOptions) {
    this.#options = options;
  }

  /**
   * One outcome a request, in their order. A refusal stores nothing; the others are durable. Asked again with the same key, name and
   * profile it gives the same certificate, so that what was interrupted can be repeated.
   */
  async issue(requests: readonly OperatorRequest[], actor: Actor): Promise<readonly IssueOutcome[]> {
    const { certificates } = this.#options;
    const rules: RequestRules = {
      keyRules: certificates.keyRules,
      givenNames: (profile, commonName) => certificates.givenNames(profile, commonName),
    };
    const judged = twiceRefused(await Promise.all(requests.map((request) => judgeRequest(request, rules))));
    const accepted = judged.filter((one): one is JudgedRequest => one.kind === 'accepted');
    const outcomes = await takeAll(this.#options.turns, turnsOf(accepted), () =>
      this.#issueAccepted(accepted, actor),
    );
    return judged.map((one) => (one.kind === 'refused' ? one : this.#withOthers(one, outcomes)));
  }

  #withOthers(request: JudgedRequest, outcomes: ReadonlyMap<JudgedRequest, IssueOutcome>): IssueOutcome {
    const outcome = outcomeOf(outcomes, request);
    if (outcome.kind === 'refused' || request.thingName === undefined) return outcome;
    const held = certificatesHeld(request.thingName, this.#options).map((each) => each.certificateId);
    return { ...outcome, others: held.filter((id) => id !== outcome.certificateId) };
  }

  async #issueAccepted(
    accepted: readonly JudgedRequest[],
    actor: Actor,
  ): Promise<ReadonlyMap<JudgedRequest, IssueOutcome>> {
    const outcomes = new Map<JudgedRequest, IssueOutcome>();
    for (const [request, outcome] of await this.#known(accepted)) outcomes.set(request, outcome);
    for (const request of accepted) {
      const tooMany = outcomes.has(request) ? undefined : this.#tooMany(request);
      if (tooMany !== undefined) outcomes.set(request, tooMany);
    }
    const fresh = accepted.filter((request) => !outcomes.has(request));
    // Signing waits for another process: never inside the transaction.
    const certificates = await this.#options.certificates.signAll(fresh.map(signRequestOf));
    const signed = fresh.map((request, at) => ({ request, signed: signedAt(certificates, at) }));
    for (const [request, outcome] of await this.#commit(signed, actor)) outcomes.set(request, outcome);
    return outcomes;
  }

  /** Those whose keys have, or had, a certificate: given again where it is what is asked for, else refused. */
  async #known(accepted: readonly JudgedRequest[]): Promise<readonly [JudgedRequest, IssueOutcome][]> {
    const holders = await this.#options.certificates.holdersOf(accepted.map(({ keyHash }) => keyHash));
    const found: [JudgedRequest, IssueOutcome][] = [];
    for (const request of accepted) {
      const own = holders.filter(({ publicKeyHash }) => publicKeyHash === request.keyHash);
      if (own.length > 0)
        found.push([
          request,
          await this.#again(
            request,
            own.map(({ certificateId }) => certificateId),
          ),
        ]);
    }
    return found;
  }

  async #again(request: JudgedRequest, certificateIds: readonly CertificateId[]): Promise<IssueOutcome> {
    const { certificates, clock } = this.#options;
    for (const certificateId of certificateIds) {
      if (certificates.standing(certificateId, clock.now()) !== 'active') continue;
      const record = await certificates.get(certificateId);
      const [name] = parseCertificate(record.der).subject.attributes.commonName ?? [];
      if (record.profile !== request.profile || name !== request.name) continue;
      const chain = certificates.chainOf(record);
      return { kind: 'issued', isRepeated: true, name, certificateId, chain, others: [] };
    }
    return keyInUse(certificateIds);
  }

  #tooMany({ thingName }: JudgedRequest): Refusal | undefined {
    if (thingName === undefined) return undefined;
    const { length: count } = certificatesHeld(thingName, this.#options);
    return tooManyHeld(thingName, { count, max: this.#options.settings.activePerThingMax });
  }

  /** All of them in one change, or each in its own when one of them cannot be. */
  async #commit(signed: readonly Signed[], actor: Actor): Promise<readonly [JudgedRequest, IssueOutcome][]> {
    if (signed.length === 0) return [];
    try {
      await this.#options.policies.whileNewcomersKept(signed.map(newcomerOf), (tx) =>
        this.#write(tx, signed, actor),
      );
      return signed.map((one) => [one.request, issuedOf(one)]);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      const [first, ...others] = signed;
      if (first !== undefined && others.length === 0) return [[first.request, refusal]];
    }
    const alone: [JudgedRequest, IssueOutcome][] = [];
    for (const one of signed) alone.push(...(await this.#commit([one], actor)));
    return alone;
  }

  async #write(tx: Transaction, signed: readonly Signed[], actor: Actor): Promise<void> {
    const { certificates, things, policies } = this.#options;
    await certificates.recordAll(
      tx,
      signed.map((one) => one.signed),
      actor,
    );
    const made = new Set<ThingName>();
    for (const { request, signed: own } of signed) {
      const { certificateId } = own.record;
      const { thingName, policyNames } = request;
      if (thingName !== undefined) {
        if (things.known(thingName) === undefined && !made.has(thingName))
          await things.createWithin(tx, { name: thingName }, actor);
        made.add(thingName);
        await things.attachments.attachWithin(tx, { thingName, certificateId, exclusive: false }, actor);
      }
      for (const policyName of policyNames)
        await policies.attachments.attachWithin(tx, { policyName, certificateId }, actor);
    }
  }
}

/** A key that is given twice is somebody's mistake, whoever of the two is meant. */
function twiceRefused(judged: readonly (JudgedRequest | Refusal)[]): readonly (JudgedRequest | Refusal)[] {
  const seen = new Map<string, number>();
  for (const one of judged)
    if (one.kind === 'accepted') seen.set(one.keyHash, (seen.get(one.keyHash) ?? 0) + 1);
  return judged.map((one) =>
    one.kind === 'accepted' && (seen.get(one.keyHash) ?? 0) > 1
      ? refuse('key_in_use', 'the same key is asked for twice: each certificate has a key of its own')
      : one,
  );
}

/** Names before keys, each sorted, as all who take turns here: no two wait for each other. */
function turnsOf(accepted: readonly JudgedRequest[]): readonly string[] {
  const names = new Set(accepted.map(({ name }) => `name ${name}`));
  return [...[...names].sort(), ...accepted.map(({ keyHash }) => `key ${keyHash}`).sort()];
}

function signRequestOf({ profile, name, publicKey, altNames, validityDays }: JudgedRequest) {
  const days = validityDays === undefined ? {} : { validityDays };
  return { profile, commonName: name, publicKey, subjectAltName: altNames, ...days };
}

function signedAt(certificates: readonly SignedCertificate[], at: number): SignedCertificate {
  const signed = certificates[at];
  if (signed === undefined) throw new TypeError('fewer certificates than requests');
  return signed;
}

/** A certificate without a thing is decided by its policies alone: a name that no thing has stands for it. */
function newcomerOf({ request: { policyNames, thingName, name } }: Signed) {
  return { policyNames, thingName: thingName ?? (name as ThingName) };
}

function issuedOf({ request: { name }, signed }: Signed): IssueOutcome {
  const { record, chain } = signed;
  const { certificateId } = record;
  return { kind: 'issued', isRepeated: false, name, certificateId, chain, others: [] };
}

function outcomeOf(outcomes: ReadonlyMap<JudgedRequest, IssueOutcome>, request: JudgedRequest): IssueOutcome {
  const outcome = outcomes.get(request);
  if (outcome === undefined) throw new TypeError('a request without an outcome');
  return outcome;
}

const policyRefusals = [
  'policies.not_found',
  'policies.attachment_limit',
  'policies.guardrail_broken',
  'policies.guardrail_undecided',
];

function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof PoliciesError && policyRefusals.includes(error.code))
    return refuse('policy_refused', error.message);
  if (error instanceof ThingsError && error.code === 'things.exists')
    return refuse('busy', 'the thing was created in this very moment; try again');
  return undefined;
}
