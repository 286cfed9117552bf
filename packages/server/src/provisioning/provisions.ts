import type { Clock, Sha256, Transaction } from '@fleetward/core';
import type { Certificates } from '../certificates/index.ts';
import { type AttemptLog, type Refusal, RolledBack, refuse } from '../enrollment/index.ts';
import type { Things } from '../things/index.ts';
import type { Turns } from '../turns.ts';
import { claimObjection, templateOf } from './claim-terms.ts';
import { type Asker, broughtBy, claimGone } from './new-certificates.ts';
import { hashOfRequest, hashOwnershipToken } from './rules.ts';
import type { OwnershipToken, ProvisioningStore } from './store.ts';
import type { TemplateInForce, Templates } from './templates.ts';
import type { Provisioned, ThingMaker } from './thing-maker.ts';

export interface ProvisionsOptions {
  readonly store: ProvisioningStore;
  readonly things: Things;
  readonly certificates: Certificates;
  readonly templates: Templates;
  /** Certificates of a thing that are neither revoked for ever nor expired. */
  readonly activePerThingMax: number;
  readonly maker: ThingMaker;
  readonly attempts: AttemptLog;
  readonly turns: Turns;
  readonly clock: Clock;
}

export interface ProvisionRequest {
  readonly templateName: string;
  readonly ownershipToken: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Everything that a provisioning with a claim rests on. */
interface Plan {
  readonly asker: Asker;
  readonly request: ProvisionRequest;
  readonly token: OwnershipToken;
  readonly template: TemplateInForce;
}

/** Makes of a certificate that waits a thing with its rights, as the template of a claim says. */
export class Provisions {
  readonly #options: ProvisionsOptions;

  constructor(options: ProvisionsOptions) {
    this.#options = options;
  }

  /** In turns for an ownership token: who asks again while the first request is under way hears its answer. */
  provision(asker: Asker, request: ProvisionRequest): Promise<Provisioned | Refusal> {
    const hash = hashOwnershipToken(request.ownershipToken);
    if (hash === undefined) return this.#provision(asker, request);
    return this.#options.turns.take(`ownership ${hash}`, async () => {
      const again = await this.#again(asker, { hash, request });
      return again ?? this.#provision(asker, request);
    });
  }

  /** What the same request was told before, in case its answer never arrived. */
  async #again(
    { claim, trace, remoteAddress }: Asker,
    { hash, request }: { readonly hash: Sha256; readonly request: ProvisionRequest },
  ): Promise<Provisioned | undefined> {
    const { store, certificates, things, attempts, clock } = this.#options;
    const kept = await store.findAnswer(hash);
    if (kept === undefined || kept.claimId !== claim.certificateId) return undefined;
    if (kept.requestHash !== hashOfRequest(request) || clock.now() >= kept.expiresAtMs) return undefined;
    const { certificateId, thingName, deviceConfiguration } = kept;
    const isItsOwn = things.attachmentsOf(certificateId).some((one) => one.thingName === thingName);
    if (!isItsOwn || certificates.standing(certificateId, clock.now()) === 'revoked') return undefined;
    const explanation = 'the same request came again: the same answer was given again';
    trace.begin('ownership');
    trace.about({ certificateId, thingName });
    trace.pass(explanation);
    await attempts.addAlone(trace, { outcome: 'reissued', reason: 'ok', explanation, remoteAddress });
    return { kind: 'provisioned', thingName, deviceConfiguration };
  }

  async #provision(asker: Asker, request: ProvisionRequest): Promise<Provisioned | Refusal> {
    const template = templateOf(asker, request.templateName, this.#options.templates);
    if (template.kind === 'refused') return template;
    const token = await this.#token(asker, request.ownershipToken);
    if (token.kind === 'refused') return token;
    const plan = { asker, request, ...template, ...token };
    const { certificateId, claimId } = plan.token;
    return this.#options.maker.make({
      ...asker,
      template: plan.template,
      parameters: request.parameters,
      certificateId,
      der: () => this.#derOf(plan.token),
      broughtBy: broughtBy(asker),
      actor: { kind: 'device', certificateId: claimId },
      objection: (thingName) => claimObjection(plan, thingName, this.#options),
      enter: (tx, state, provisioned) => this.#enter(tx, plan, { state, provisioned }),
    });
  }

  async #token(
    { claim, trace }: Asker,
    text: string,
  ): Promise<{ readonly kind: 'token'; readonly token: OwnershipToken } | Refusal> {
    const { store, clock } = this.#options;
    trace.begin('ownership');
    const hash = hashOwnershipToken(text);
    const token = hash === undefined ? undefined : await store.findToken(hash);
    if (token === undefined || token.claimId !== claim.certificateId)
      return refuse('ownership_unknown', 'there is no such certificate ownership token, or it was used');
    trace.about({ certificateId: token.certificateId });
    if (clock.now() >= token.expiresAtMs)
      return refuse(
        'ownership_expired',
        'the certificate ownership token is expired; ask for another certificate',
      );
    trace.pass(`the token of certificate \`${token.certificateId}\``);
    return { kind: 'token', token };
  }

  async #derOf({ certificateId }: OwnershipToken): Promise<Uint8Array | Refusal> {
    const record = await this.#options.certificates.find(certificateId);
    return record?.der ?? refuse('ownership_unknown', 'the certificate is gone');
  }

  /** The token is used up, and the certificate is what the template says. */
  async #enter(
    tx: Transaction,
    { token, template, request }: Plan,
    { state, provisioned }: { readonly state: 'ACTIVE' | 'INACTIVE'; readonly provisioned: Provisioned },
  ): Promise<void> {
    const { store, certificates, clock } = this.#options;
    const { certificateId, claimId } = token;
    // The hook may have taken its time.
    if (certificates.standing(claimId, clock.now()) !== 'active') throw new RolledBack(claimGone());
    if (certificates.standing(certificateId, clock.now()) !== 'pending')
      throw new RolledBack(noLongerPending());
    if (!(await store.takeToken(tx, token.hash)))
      throw new RolledBack(refuse('ownership_unknown', 'the certificate ownership token was used'));
    const { kind: _, ...answer } = provisioned;
    await store.addAnswer(tx, { ...token, ...answer, requestHash: hashOfRequest(request) });
    const change = { certificateId, state, reason: `template ${template.name}` };
    await certificates.setStateWithin(tx, change, { kind: 'device', certificateId: claimId });
  }
}

/** What an operator has done with it meanwhile holds. */
function noLongerPending(): Refusal {
  return refuse('ownership_unknown', 'the certificate does not wait any more: its state was changed', {
    deviceText: 'the certificate ownership token cannot be used any more; ask for another certificate',
  });
}
