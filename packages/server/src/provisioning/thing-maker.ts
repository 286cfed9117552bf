import type { CertificateId, JsonObject, ThingName, Transaction } from '@fleetward/core';
import { type AttemptLog, type Refusal, RolledBack, refuse, type Trace } from '../enrollment/index.ts';
import { type Groups, GroupsError } from '../groups/index.ts';
import { type Policies, PoliciesError } from '../policies/index.ts';
import { type Things, ThingsError } from '../things/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { type Turns, takeAll } from '../turns.ts';
import type { Hook, HookQuestion } from './hook.ts';
import { Unfillable } from './template/evaluate.ts';
import { type Filled, fillTemplate } from './template/fill-template.ts';
import type { TemplateInForce } from './templates.ts';
import { changeOf } from './thing-change.ts';

export interface ThingMakerOptions {
  readonly trail: Pick<Trail, 'append'>;
  readonly things: Things;
  readonly groups: Groups;
  readonly policies: Policies;
  readonly attempts: AttemptLog;
  readonly turns: Turns;
  readonly hook: Hook;
}

/** A certificate that is to speak for a thing by a template, whichever way it came. */
export interface Newcomer {
  readonly trace: Trace;
  readonly remoteAddress: string;
  readonly template: TemplateInForce;
  readonly parameters: ReadonlyMap<string, string>;
  readonly certificateId: CertificateId;
  /** Hash of its key, where the registry does not have it yet: nobody else may come in with it meanwhile. */
  readonly keyHash?: string;
  /** Only a hook is told. */
  readonly der: () => Promise<Uint8Array | Refusal>;
  readonly broughtBy: Pick<HookQuestion, 'claimCertificateId' | 'caCertificateId' | 'clientId'>;
  /** Whom the trail has for it. */
  readonly actor: Actor;
  /** Why it may not become this thing. Asked while nobody else is at the name, and again in the transaction. */
  readonly objection: (thingName: ThingName) => Refusal | undefined;
  /** Brings the certificate into the state that the template says, in the change's transaction; throws `RolledBack` where that cannot be any more. */
  readonly enter: (tx: Transaction, state: 'ACTIVE' | 'INACTIVE', provisioned: Provisioned) => Promise<void>;
}

export interface Provisioned {
  readonly kind: 'provisioned';
  readonly thingName: ThingName;
  readonly deviceConfiguration: JsonObject;
}

interface Plan extends Newcomer {
  readonly filled: Filled;
}

/** Makes a thing with its rights of a certificate, as a template says: its hook, its parameters, then everything in one transaction. */
export class ThingMaker {
  readonly #options: ThingMakerOptions;

  constructor(options: ThingMakerOptions) {
    this.#options = options;
  }

  async make(newcomer: Newcomer): Promise<Provisioned | Refusal> {
    const { trace } = newcomer;
    const parameters = await this.#ask(newcomer);
    if ('kind' in parameters) return parameters;
    const filled = fill(newcomer, parameters);
    if (filled.kind === 'refused') return filled;
    const plan = { ...newcomer, ...filled };
    const { thingName } = filled.filled;
    trace.about({ thingName });
    const { keyHash } = newcomer;
    const turns = [`name ${thingName}`, ...(keyHash === undefined ? [] : [`key ${keyHash}`])];
    return takeAll(this.#options.turns, turns, () =>
      this.#options.things.hold(thingName, () => this.#makeInTurn(plan)),
    );
  }

  /** What the hook makes of the parameters, where the template has one. */
  async #ask(newcomer: Newcomer): Promise<ReadonlyMap<string, string> | Refusal> {
    const { trace, parameters, template, certificateId, broughtBy } = newcomer;
    if (template.hookUrl === undefined) return parameters;
    trace.begin('hook');
    const certificateDer = await newcomer.der();
    if ('kind' in certificateDer) return certificateDer;
    const answer = await this.#options.hook.ask(template.hookUrl, {
      ...broughtBy,
      certificateId,
      certificateDer,
      templateName: template.name,
      parameters,
    });
    if (answer.kind === 'refused')
      return refuse('hook_refused', `the hook \`${template.hookUrl}\`: ${answer.why}`, {
        deviceText: 'the pre-provisioning hook does not allow it',
      });
    trace.pass(`allowed, with ${answer.overrides.size} parameters of its own`);
    return new Map([...parameters, ...answer.overrides]);
  }

  async #makeInTurn(plan: Plan): Promise<Provisioned | Refusal> {
    const { trace, filled, objection } = plan;
    const { policyNames, thingName, deviceConfiguration } = filled;
    trace.begin('thing');
    const objected = objection(thingName);
    if (objected !== undefined) return objected;
    const isNew = this.#options.things.known(thingName) === undefined;
    trace.pass(`the thing \`${thingName}\` ${isNew ? 'is new' : 'is there'}`);
    trace.begin('rights');
    const newcomer = { policyNames, thingName, groupNames: isNew ? filled.groupNames : [] };
    try {
      await this.#options.policies.whileNewcomerKept(newcomer, (tx) => this.#write(tx, plan));
    } catch (error) {
      const refusal = refusalOf(error, thingName);
      if (refusal === undefined) throw error;
      return refusal;
    }
    return { kind: 'provisioned', thingName, deviceConfiguration };
  }

  async #write(tx: Transaction, plan: Plan): Promise<void> {
    const { things, policies, trail, attempts } = this.#options;
    const { trace, template, filled, certificateId, actor, remoteAddress } = plan;
    const { isActive, isExclusive } = template.template.certificate;
    const state = isActive ? 'ACTIVE' : 'INACTIVE';
    const { thingName, deviceConfiguration } = filled;
    // An operator may have shut the device out while its rights were proved.
    const objected = plan.objection(thingName);
    if (objected !== undefined) throw new RolledBack(objected);
    await plan.enter(tx, state, { kind: 'provisioned', thingName, deviceConfiguration });
    await this.#writeThing(tx, plan);
    await things.attachments.attachWithin(tx, { thingName, certificateId, exclusive: isExclusive }, actor);
    for (const policyName of filled.policyNames)
      await policies.attachments.attachWithin(tx, { policyName, certificateId }, actor);
    const payload = {
      certificateId,
      thingName,
      templateName: template.name,
      versionId: template.defaultVersionId,
    };
    await trail.append(tx, { kind: 'certificate.provisioned', actor, payload });
    trace.pass(`policies ${listed(filled.policyNames)}; groups ${listed(filled.groupNames)}`);
    const explanation = `certificate \`${certificateId}\` is \`${state}\` and speaks for \`${thingName}\``;
    await attempts.add(tx, trace, { outcome: 'provisioned', reason: 'ok', explanation, remoteAddress });
  }

  async #writeThing(tx: Transaction, { template, filled, actor }: Plan): Promise<void> {
    const { things, groups } = this.#options;
    const { thingName, typeName, attributes, groupNames } = filled;
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
    for (const groupName of groupNames)
      await groups.memberships.addWithin(tx, { groupName, thingName }, actor);
  }
}

function fill(
  { trace, template, certificateId }: Newcomer,
  parameters: ReadonlyMap<string, string>,
): { readonly kind: 'filled'; readonly filled: Filled } | Refusal {
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
