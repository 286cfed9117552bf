import type { CertificateId, Clock, ThingName } from '@fleetward/core';
import type { Access } from '@fleetward/mqtt';
import type { Certificate } from '@fleetward/pki';
import { compilePrincipal, type PolicyAction, type PrincipalContext } from '@fleetward/policy';
import type { Activity } from '../activity/index.ts';
import type { DenialCause, DenialReport, Denials } from '../denials/index.ts';
import type { Groups } from '../groups/index.ts';
import { type InEffect, type Policies, policiesInEffect, type TrialKey } from '../policies/index.ts';
import type { Things } from '../things/index.ts';
import { AllowedNames } from './allowed-names.ts';
import { certificateContext } from './certificate-context.ts';
import { KnownRights } from './known-rights.ts';
import { Rights } from './rights.ts';

/** What a device says of itself when it connects, and how it proved who it is. */
export interface PrincipalClaim {
  readonly certificateId: CertificateId;
  /** Empty for a request over HTTPS: it is no connection's, so no thing is associated and thing variables have no value. */
  readonly clientId: string;
  /** This and the others below are not known of a device that is away since before the start: what depends on them does not hold. */
  readonly certificate?: Certificate;
  readonly remoteAddress?: string;
  readonly connect?: { readonly persistent: boolean; readonly willTopic?: string | undefined };
}

/** A device's rights for one connection: compiled once, consulted on every packet. */
export interface Principal extends Access {
  readonly claim: PrincipalClaim;
  /** The associated thing, when there is one. */
  readonly thingName: ThingName | undefined;
  /** Decides Connect on the client id. */
  mayConnect(): boolean;
  /** Hands in what was counted since the last time, for the sketch of what the thing does and for trials. */
  drain(): void;
}

interface AuthorizerParts {
  readonly policies: Policies;
  readonly things: Things;
  readonly groups: Groups;
  readonly denials: Denials;
  readonly activity: Pick<Activity, 'record' | 'markSampled' | 'namesPerActionMax'>;
  readonly clock: Clock;
}

/** The one place where a device's action is decided, whatever protocol it came over. */
export class Authorizer {
  readonly #parts: AuthorizerParts;
  readonly #known: KnownRights;

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
    this.#known = new KnownRights(
      ({ claim, thing, policies }) =>
        new Rights(compilePrincipal(policies, contextOf(claim, thing)), parts.clock),
    );
  }

  /** Compiles the rights as they stand now; the gateway asks again whenever policies, things, groups or attachments change. */
  principal(claim: PrincipalClaim): Principal {
    return this.#access(claim);
  }

  /** Decides one request over HTTPS; a refusal is recorded. `name`: what follows `thing/` or `topic/`. */
  mayAsk(
    claim: Omit<PrincipalClaim, 'clientId' | 'connect'>,
    { action, name }: { readonly action: PolicyAction; readonly name: string },
  ): boolean {
    return this.#access({ ...claim, clientId: '' }).mayAsk(action, name);
  }

  /** The same request later: what is allowed is not counted once more. */
  mayStillAsk(
    claim: Parameters<Authorizer['mayAsk']>[0],
    { action, name }: Parameters<Authorizer['mayAsk']>[1],
  ): boolean {
    return this.#access({ ...claim, clientId: '' }).mayStillAsk(action, name);
  }

  #access(claim: PrincipalClaim): CompiledAccess {
    const { thing, policies } = policiesInEffect(claim, this.#parts);
    const rights = this.#known.of({ claim, thing, policies });
    const shadows = this.#parts.policies.trials.among(policies).map((trial): Shadow => {
      const compiled = compilePrincipal(trial.policies, contextOf(claim, thing));
      return { key: trial.key, rights: new Rights(compiled, this.#parts.clock) };
    });
    return new CompiledAccess({ claim, thingName: thing?.name, rights, shadows }, this.#parts);
  }

  /**
   * Whose session it is, and whose share it takes: the thing's, so that a renewed certificate finds it and has no second share; under a
   * client id that names none of them, that of all things of the certificate; the certificate's where there is none.
   */
  ownerOf({ thingName, claim: { certificateId } }: Pick<Principal, 'thingName' | 'claim'>): string {
    const attachments = this.#parts.things.attachmentsOf(certificateId);
    const names = thingName === undefined ? attachments.map((each) => each.thingName).sort() : [thingName];
    return names.length === 0 ? `certificate:${certificateId}` : `thing:${names.join(',')}`;
  }
}

/** The rights as they would be if a version in trial were in force. */
interface Shadow {
  readonly key: TrialKey;
  readonly rights: Rights;
}

/** Explaining costs more than deciding: a device that floods with refused packets gets this many explained a second. */
const explainedPerSecondMax = 20;

/** What is asked, and what a no is recorded as. */
interface Question {
  readonly action: PolicyAction;
  readonly cause: DenialCause;
}

// Made once: they are asked for every packet and every delivery.
const publishing: Question = { action: 'iot:Publish', cause: 'publish_denied' };
const retaining: Question = { action: 'iot:RetainPublish', cause: 'publish_denied' };
const subscribing: Question = { action: 'iot:Subscribe', cause: 'subscribe_denied' };
const receiving: Question = { action: 'iot:Receive', cause: 'receive_denied' };

type AccessParts = Pick<AuthorizerParts, 'policies' | 'denials' | 'activity' | 'clock'>;

interface Compiled extends Pick<Principal, 'claim' | 'thingName'> {
  readonly rights: Rights;
  readonly shadows: readonly Shadow[];
}

class CompiledAccess implements Principal {
  readonly claim: PrincipalClaim;
  readonly thingName: ThingName | undefined;
  readonly #rights: Rights;
  readonly #shadows: readonly Shadow[];
  readonly #parts: AccessParts;
  // Made when the first name is asked about: a connection that does nothing has none of them.
  #publishedNames: AllowedNames | undefined;
  #retainedNames: AllowedNames | undefined;
  #subscribedNames: AllowedNames | undefined;
  #receivedNames: AllowedNames | undefined;
  #receivedSharedNames: AllowedNames | undefined;
  #second = 0;
  #explainedInSecond = 0;

  constructor({ claim, thingName, rights, shadows }: Compiled, parts: AccessParts) {
    this.claim = claim;
    this.thingName = thingName;
    this.#rights = rights;
    this.#shadows = shadows;
    this.#parts = parts;
  }

  mayConnect(): boolean {
    const { clientId: name } = this.claim;
    if (!this.#check('iot:Connect', name, 'connect_denied')) return false;
    this.#countIn('iot:Connect', { name, count: 1, isSample: false });
    return true;
  }

  mayStillAsk(action: PolicyAction, name: string): boolean {
    const isPublish = action === publishing.action || action === retaining.action;
    return this.#check(action, name, isPublish ? 'publish_denied' : 'request_denied');
  }

  mayAsk(action: PolicyAction, name: string): boolean {
    if (!this.mayStillAsk(action, name)) return false;
    this.#countIn(action, { name, count: 1, isSample: false });
    return true;
  }

  mayPublish(topic: string, retain: boolean): boolean {
    if (!this.#may(this.#published, topic, publishing)) return false;
    return !retain || this.#may(this.#retained, topic, retaining);
  }

  maySubscribe(filter: string): boolean {
    return this.#may(this.#subscribed, filter, subscribing);
  }

  mayReceive(topic: string, shareName?: string): boolean {
    if (shareName !== undefined) return this.#mayReceiveShared(topic, `$share/${shareName}/${topic}`);
    return this.#may(this.#received, topic, receiving);
  }

  drain(): void {
    this.#publishedNames?.drain();
    this.#retainedNames?.drain();
    this.#subscribedNames?.drain();
    this.#receivedNames?.drain();
    this.#receivedSharedNames?.drain();
  }

  get #published(): AllowedNames {
    this.#publishedNames ??= this.#namesOf('iot:Publish');
    return this.#publishedNames;
  }

  get #retained(): AllowedNames {
    this.#retainedNames ??= this.#namesOf('iot:RetainPublish');
    return this.#retainedNames;
  }

  get #subscribed(): AllowedNames {
    this.#subscribedNames ??= this.#namesOf('iot:Subscribe');
    return this.#subscribedNames;
  }

  get #received(): AllowedNames {
    this.#receivedNames ??= this.#namesOf('iot:Receive');
    return this.#receivedNames;
  }

  /** By the name with `$share/`; a delivery is allowed by either name. */
  get #receivedShared(): AllowedNames {
    this.#receivedSharedNames ??= new AllowedNames(
      (shared, count, isSample) => this.#countShared(shared, count, isSample),
      this.#parts.activity.namesPerActionMax,
    );
    return this.#receivedSharedNames;
  }

  /** What was allowed once is allowed for as long as these rights stand, unless they depend on the time. */
  #may(names: AllowedNames, name: string, { action, cause }: Question): boolean {
    if (!this.#rights.dependOnTime && names.has(name)) return true;
    if (!this.#check(action, name, cause)) return false;
    this.#keep(names, name);
    return true;
  }

  #keep(names: AllowedNames, name: string): void {
    if (!this.#rights.dependOnTime || !names.has(name)) names.add(name);
  }

  #mayReceiveShared(topic: string, shared: string): boolean {
    if (!this.#rights.dependOnTime && this.#receivedShared.has(shared)) return true;
    const refused = this.#rights.refusedOfShared(topic, shared);
    const isAllowed = refused === undefined;
    this.#compareShared(topic, shared, { isAllowed, count: isAllowed ? 0 : 1 });
    if (!isAllowed) this.#deny('iot:Receive', refused, 'receive_denied');
    else this.#keep(this.#receivedShared, shared);
    return isAllowed;
  }

  #check(action: PolicyAction, name: string, cause: DenialCause): boolean {
    const isAllowed = this.#rights.allow(action, name);
    // What is allowed is counted in later; a difference is told at once.
    this.#compare(action, name, { isAllowed, count: isAllowed ? 0 : 1 });
    if (!isAllowed) this.#deny(action, name, cause);
    return isAllowed;
  }

  #countShared(shared: string, count: number, isSample: boolean): void {
    const topic = shared.replace(/^\$share\/[^/]*\//, '');
    const name = this.#rights.allow('iot:Receive', topic) ? topic : shared;
    this.#record('iot:Receive', { name, count, isSample });
    this.#compareShared(topic, shared, { isAllowed: true, count });
  }

  #namesOf(action: PolicyAction): AllowedNames {
    return new AllowedNames(
      (name, count, isSample) => this.#countIn(action, { name, count, isSample }),
      this.#parts.activity.namesPerActionMax,
    );
  }

  #countIn(
    action: PolicyAction,
    counted: { readonly name: string; readonly count: number; readonly isSample: boolean },
  ): void {
    this.#record(action, counted);
    this.#compare(action, counted.name, { isAllowed: true, count: counted.count });
  }

  #record(
    action: PolicyAction,
    { name, count, isSample }: { readonly name: string; readonly count: number; readonly isSample: boolean },
  ): void {
    if (this.thingName === undefined) return;
    const { activity } = this.#parts;
    activity.record({ thingName: this.thingName, action, name, outcome: 'allowed', count });
    if (isSample) activity.markSampled(this.thingName);
  }

  /** Costs nothing but this look while no trial runs. */
  #compare(action: PolicyAction, name: string, decided: Decided): void {
    for (const shadow of this.#shadows)
      this.#observe(shadow, { action, name, ...decided, wouldAllow: shadow.rights.allow(action, name) });
  }

  #compareShared(topic: string, shared: string, decided: Decided): void {
    for (const shadow of this.#shadows) {
      const wouldAllow = shadow.rights.refusedOfShared(topic, shared) === undefined;
      this.#observe(shadow, { action: 'iot:Receive', name: topic, ...decided, wouldAllow });
    }
  }

  #observe(
    { key, rights }: Shadow,
    seen: Decided & { readonly action: PolicyAction; readonly name: string; readonly wouldAllow: boolean },
  ): void {
    const { policies, clock } = this.#parts;
    const { clientId } = this.claim;
    const explain = (): string => rights.explain(seen.action, seen.name).explanation;
    policies.trials.observe(key, { ...seen, clientId, thingName: this.thingName, explain }, clock.now());
  }

  #deny(action: PolicyAction, name: string, cause: DenialCause): void {
    const { certificateId, remoteAddress = '' } = this.claim;
    this.#parts.denials.record({
      cause,
      certificateId,
      ...named(this.claim),
      remoteAddress,
      action,
      resource: name,
      ...(this.thingName === undefined ? {} : { thingName: this.thingName }),
      ...this.#explain(action, name),
    });
  }

  #explain(action: PolicyAction, name: string): Pick<DenialReport, 'explanation' | 'statement' | 'decision'> {
    if (!this.#mayExplain(this.#parts.clock.now()))
      return { explanation: `\`${action}\` denied; too many denials in this second to explain each` };
    // Not more often than that: a device that floods does not make work with its sketch either.
    if (this.thingName !== undefined)
      this.#parts.activity.record({ thingName: this.thingName, action, name, outcome: 'denied', count: 1 });
    return this.#rights.explain(action, name);
  }

  #mayExplain(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#explainedInSecond = 0;
    }
    this.#explainedInSecond++;
    return this.#explainedInSecond <= explainedPerSecondMax;
  }
}

function contextOf(claim: PrincipalClaim, thing: InEffect['thing']): PrincipalContext {
  return {
    clientId: claim.clientId === '' ? undefined : claim.clientId,
    sourceIp: claim.remoteAddress,
    certificate: claim.certificate && certificateContext(claim.certificate),
    connect: claim.connect,
    thing,
  };
}

/** The client id, where there is one. */
function named({ clientId }: PrincipalClaim): { readonly clientId?: string } {
  return clientId === '' ? {} : { clientId };
}

/** How a request was decided by what is in force, and how often. */
interface Decided {
  readonly isAllowed: boolean;
  readonly count: number;
}
