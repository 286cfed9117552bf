import type { CertificateId, Clock, JsonObject, ThingName, Transaction } from '@fleetward/core';
import type { Certificates } from '../certificates/index.ts';
import {
  type AttemptLog,
  certificatesHeld,
  notLetBack,
  type Refusal,
  RolledBack,
  refuse,
  tooManyHeld,
} from '../enrollment/index.ts';
import { type Groups, GroupsError } from '../groups/index.ts';
import { type Policies, PoliciesError } from '../policies/index.ts';
import { type Things, ThingsError } from '../things/index.ts';
import type { Trail } from '../trail/index.ts';
import { type Turns, takeAll } from '../turns.ts';
import type { Hook } from './hook.ts';
import { type Asker, claimGone } from './new-certificates.ts';
import { hashOwnershipToken } from './rules.ts';
import type { OwnershipToken, ProvisioningStore } from './store.ts';
import { Unfillable } from './template/evaluate.ts';
import { type Filled, fillTemplate } from './template/fill-template.ts';
import type { TemplateInForce, Templates } from './templates.ts';
import { changeOf } from './thing-change.ts';

export interface ProvisionsOptions {
  readonly store: ProvisioningStore;
  readonly trail: Pick<Trail, 'append'>;
  readonly things: Things;
  readonly groups: Groups;
  readonly policies: Policies;
  readonly certificates: Certificates;
  readonly templates: Templates;
  readonly attempts: AttemptLog;
  readonly turns: Turns;
  /** Certificates of a thing that are neither revoked for ever nor expired. */
  readonly activePerThingMax: number;
  readonly hook: Hook;
  readonly clock: Clock;
}

export interface ProvisionRequest {
  readonly templateName: string;
  readonly ownershipToken: string;
  readonly parameters: ReadonlyMap<string, string>;
}

export interface Provisioned {
  readonly kind: 'provisioned';
  readonly thingName: ThingName;
  readonly deviceConfiguration: JsonObject;
}

/** Everything that a provisioning writes. */
interface Plan {
  readonly asker: Asker;
  readonly token: OwnershipToken;
  readonly template: TemplateInForce;
  readonly filled: Filled;
}

/** Makes of a certificate that waits a thing with its rights, as the template says. */
export class Provisions {
  readonly #options: ProvisionsOptions;

  constructor(options: ProvisionsOptions) {
    this.#options = options;
  }

  async provision(asker: Asker, request: ProvisionRequest): Promise<Provisioned | Refusal> {
    const template = this.#template(asker, request.templateName);
    if (template.kind === 'refused') return template;
    const token = await this.#token(asker, request.ownershipToken);
    if (token.kind === 'refused') return token;
    const parameters = await this.#ask(asker, { ...request, ...template, ...token });
    if ('kind' in parameters) return parameters;
    const filled = fill(asker, { ...template, parameters, certificateId: token.token.certificateId });
    if (filled.kind === 'refused') return filled;
    const plan = { asker, ...template, ...token, ...filled };
    const { thingName } = filled.filled;
    asker.trace.about({ thingName });
    if (asker.claim.thingName !== undefined && asker.claim.thingName !== thingName)
      return otherThing(asker.claim.thingName, thingName);
    return takeAll(this.#options.turns, [`name ${thingName}`], () =>
      this.#options.things.hold(thingName, () => this.#provisionInTurn(plan)),
    );
  }

  #template(
    { claim, trace }: Asker,
    name: string,
  ): { readonly kind: 'template'; readonly template: TemplateInForce } | Refusal {
    trace.begin('template');
    const template = this.#options.templates.find(name);
    if (claim.templateName !== name || template === undefined)
      return refuse(
        'template_unknown',
        `the claim provisions by template \`${claim.templateName}\`, not \`${name}\``,
      );
    if (!template.isEnabled) return refuse('template_off', `template \`${name}\` is switched off`);
    trace.pass(`template \`${name}\`, version ${template.defaultVersionId}`);
    return { kind: 'template', template };
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

  /** What the hook makes of the parameters, where the template has one. */
  async #ask(
    asker: Asker,
    request: ProvisionRequest & { readonly template: TemplateInForce; readonly token: OwnershipToken },
  ): Promise<ReadonlyMap<string, string> | Refusal> {
    const { parameters, template, token } = request;
    if (template.hookUrl === undefined) return parameters;
    asker.trace.begin('hook');
    const record = await this.#options.certificates.find(token.certificateId);
    if (record === undefined) return refuse('ownership_unknown', 'the certificate is gone');
    const answer = await this.#options.hook.ask(template.hookUrl, {
      claimCertificateId: token.claimId,
      certificateId: token.certificateId,
      certificateDer: record.der,
      templateName: template.name,
      clientId: asker.clientId,
      parameters,
    });
    if (answer.kind === 'refused')
      return refuse('hook_refused', `the hook \`${template.hookUrl}\`: ${answer.why}`, {
        deviceText: 'the pre-provisioning hook does not allow it',
      });
    asker.trace.pass(`allowed, with ${answer.overrides.size} parameters of its own`);
    return new Map([...parameters, ...answer.overrides]);
  }

  async #provisionInTurn(plan: Plan): Promise<Provisioned | Refusal> {
    const { asker, filled } = plan;
    asker.trace.begin('thing');
    const conflict = this.#conflict(plan);
    if (conflict !== undefined) return conflict;
    const isNew = this.#options.things.known(filled.thingName) === undefined;
    asker.trace.pass(`the thing \`${filled.thingName}\` ${isNew ? 'is new' : 'is there'}`);
    asker.trace.begin('rights');
    const { policyNames, thingName } = filled;
    const newcomer = { policyNames, thingName, groupNames: isNew ? filled.groupNames : [] };
    try {
      await this.#options.policies.whileNewcomerKept(newcomer, (tx) => this.#write(tx, plan));
    } catch (error) {
      const refusal = refusalOf(error, filled.thingName);
      if (refusal === undefined) throw error;
      return refusal;
    }
    return { kind: 'provisioned', thingName, deviceConfiguration: filled.deviceConfiguration };
  }

  /**
   * A leaked claim must not become a device that is there, unless the template says so; and never one that an operator has
   * taken from its place.
   */
  #conflict({ asker, filled, template }: Plan): Refusal | undefined {
    const { activePerThingMax: max } = this.#options;
    const { thingName } = filled;
    const holders = certificatesHeld(thingName, this.#options);
    const holder = holders.find(({ state }) => state !== 'ACTIVE' || !template.mayRejoin);
    if (holder === undefined)
      return tooManyHeld(thingName, { count: holders.length, max }) ?? this.#judged(asker, thingName);
    const explanation = `the thing \`${thingName}\` has a certificate already (${holder.state}); revoke it for ever or detach it, or let the template take such names (\`provisioning-template update --rejoin\`)`;
    return refuse('thing_has_certificate', explanation, {
      thingName,
      deviceText: `the thing \`${thingName}\` has a certificate already`,
    });
  }

  #judged({ claim }: Asker, thingName: ThingName): Refusal | undefined {
    const consent = claim.thingName === thingName ? { givenAtMs: claim.createdAtMs } : undefined;
    const wayBack = `make a claim for it alone (\`fleetward claim create ${claim.templateName} --thing ${thingName}\`)`;
    return notLetBack(thingName, { ...this.#options, consent, wayBack });
  }

  async #write(tx: Transaction, plan: Plan): Promise<void> {
    const { store, certificates, things, policies, trail, attempts, clock } = this.#options;
    const { asker, token, template, filled } = plan;
    const { certificateId, claimId } = token;
    const actor = { kind: 'device', certificateId: claimId } as const;
    // The hook may have taken its time.
    if (certificates.standing(claimId, clock.now()) !== 'active') throw new RolledBack(claimGone());
    if (certificates.standing(certificateId, clock.now()) !== 'pending')
      throw new RolledBack(noLongerPending());
    if (!(await store.takeToken(tx, token.hash)))
      throw new RolledBack(refuse('ownership_unknown', 'the certificate ownership token was used'));
    const { isActive, isExclusive } = template.template.certificate;
    const state = isActive ? 'ACTIVE' : 'INACTIVE';
    await certificates.setStateWithin(
      tx,
      { certificateId, state, reason: `template ${template.name}` },
      actor,
    );
    await this.#writeThing(tx, plan);
    const { thingName } = filled;
    await things.attachWithin(tx, { thingName, certificateId, exclusive: isExclusive }, actor);
    for (const policyName of filled.policyNames)
      await policies.attachWithin(tx, { policyName, certificateId }, actor);
    const payload = {
      certificateId,
      thingName,
      templateName: template.name,
      versionId: template.defaultVersionId,
    };
    await trail.append(tx, { kind: 'certificate.provisioned', actor, payload });
    asker.trace.pass(`policies ${listed(filled.policyNames)}; groups ${listed(filled.groupNames)}`);
    const explanation = `certificate \`${certificateId}\` is \`${state}\` and speaks for \`${thingName}\``;
    const end = { outcome: 'provisioned', reason: 'ok', explanation } as const;
    await attempts.add(tx, asker.trace, { ...end, remoteAddress: asker.remoteAddress });
  }

  async #writeThing(tx: Transaction, { token, template, filled }: Plan): Promise<void> {
    const { things, groups } = this.#options;
    const { thingName, typeName, attributes, groupNames } = filled;
    const actor = { kind: 'device', certificateId: token.claimId } as const;
    const present = things.known(thingName);
    if (present !== undefined) {
      const overrides = template.template.thing.overrides;
      const change = changeOf(present, { filled, overrides, groupNames: groups.groupsOf(thingName) });
      if (change.kind === 'refused') throw new RolledBack(change);
      if (change.kind === 'changed') await things.replaceWithin(tx, change.thing, actor);
      return;
    }
    const type = typeName === undefined ? {} : { typeName };
    await things.createWithin(tx, { name: thingName, attributes, ...type }, actor);
    for (const groupName of groupNames) await groups.addThingWithin(tx, { groupName, thingName }, actor);
  }
}

function otherThing(own: ThingName, thingName: ThingName): Refusal {
  const explanation = `the claim provisions the thing \`${own}\` alone, not \`${thingName}\``;
  return refuse('name_not_allowed', explanation, { thingName });
}

/** What an operator has done with it meanwhile holds. */
function noLongerPending(): Refusal {
  return refuse('ownership_unknown', 'the certificate does not wait any more: its state was changed', {
    deviceText: 'the certificate ownership token cannot be used any more; ask for another certificate',
  });
}

function fill(
  { trace }: Asker,
  given: {
    readonly template: TemplateInForce;
    readonly parameters: ReadonlyMap<string, string>;
    readonly certificateId: CertificateId;
  },
): { readonly kind: 'filled'; readonly filled: Filled } | Refusal {
  const { template, parameters, certificateId } = given;
  trace.begin('parameters');
  try {
    const all = new Map([...parameters, ['AWS::IoT::Certificate::Id', certificateId]]);
    const filled = fillTemplate(template.template, all);
    trace.pass(`they come to the thing \`${filled.thingName}\``);
    return { kind: 'filled', filled };
  } catch (error) {
    if (!(error instanceof Unfillable)) throw error;
    return refuse('parameters_unfit', `template \`${template.name}\`: ${error.message}`);
  }
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `\`${name}\``).join(', ');
}

const notOfDevice = 'the template cannot be used as it is; tell its operator';

function refusalOf(error: unknown, thingName: ThingName): Refusal | undefined {
  if (error instanceof RolledBack) return error.refusal;
  if (error instanceof ThingsError) {
    if (error.code === 'things.exists')
      return refuse('busy', `the thing \`${thingName}\` was created in this very moment; try again`, {
        thingName,
      });
    return refuse('parameters_unfit', error.message, { thingName });
  }
  if (error instanceof PoliciesError && error.code === 'policies.proofs_busy')
    return refuse('busy', error.message, { thingName });
  if (error instanceof PoliciesError || error instanceof GroupsError)
    return refuse('policy_missing', `what the template gives cannot be given: ${error.message}`, {
      thingName,
      deviceText: notOfDevice,
    });
  return undefined;
}
