import type { CertificateId, Clock, ThingName } from '@fleetward/core';
import type { Access } from '@fleetward/mqtt';
import type { Certificate } from '@fleetward/pki';
import {
  type CompiledPrincipal,
  compilePrincipal,
  explainDecision,
  type PolicyAction,
  type PrincipalContext,
} from '@fleetward/policy';
import type { Activity } from '../activity/index.ts';
import type { DenialCause, DenialReport, Denials } from '../denials/index.ts';
import type { Groups } from '../groups/index.ts';
import { type Policies, policiesInEffect } from '../policies/index.ts';
import type { Things } from '../things/index.ts';
import { AllowedNames } from './allowed-names.ts';
import { certificateContext } from './certificate-context.ts';

/** What a device says of itself when it connects, and how it proved who it is. */
export interface PrincipalClaim {
  readonly certificateId: CertificateId;
  readonly clientId: string;
  /** This and the others below are not known of a device that is away since before the start: what depends on them does not hold. */
  readonly certificate?: Certificate;
  readonly remoteAddress?: string;
  readonly connect?: { readonly persistent: boolean; readonly willTopic?: string };
}

/** A device's rights for one connection: compiled once, consulted on every packet. */
export interface Principal extends Access {
  readonly claim: PrincipalClaim;
  /** The associated thing, when there is one. */
  readonly thingName: ThingName | undefined;
  /** Decides Connect on the client id. */
  mayConnect(): boolean;
  /** Hands in what was counted since the last time, for the sketch of what the thing does. */
  drain(): void;
}

interface AuthorizerParts {
  readonly policies: Policies;
  readonly things: Things;
  readonly groups: Groups;
  readonly denials: Denials;
  readonly activity: Pick<Activity, 'record' | 'markSampled'>;
  readonly clock: Clock;
}

/** The one place where a device's action is decided, whatever protocol it came over. */
export class Authorizer {
  readonly #parts: AuthorizerParts;

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
  }

  /** Compiles the rights as they stand now; the gateway asks again whenever policies, things, groups or attachments change. */
  principal(claim: PrincipalClaim): Principal {
    const { thing, policies } = policiesInEffect(claim, this.#parts);
    const context: PrincipalContext = {
      clientId: claim.clientId,
      ...(claim.remoteAddress === undefined ? {} : { sourceIp: claim.remoteAddress }),
      ...(claim.certificate === undefined ? {} : { certificate: certificateContext(claim.certificate) }),
      ...(claim.connect === undefined ? {} : { connect: claim.connect }),
      ...(thing === undefined ? {} : { thing }),
    };
    const compiled = compilePrincipal(policies, context);
    return new CompiledAccess(compiled, { ...this.#parts, claim, thingName: thing?.name });
  }
}

/** Explaining costs more than deciding: a device that floods with refused packets gets this many explained a second. */
const explainedPerSecondMax = 20;

class CompiledAccess implements Principal {
  readonly claim: PrincipalClaim;
  readonly thingName: ThingName | undefined;
  readonly #compiled: CompiledPrincipal;
  readonly #denials: Denials;
  readonly #activity: AuthorizerParts['activity'];
  readonly #clock: Clock;
  readonly #published = this.#namesOf('iot:Publish');
  readonly #retained = this.#namesOf('iot:RetainPublish');
  readonly #subscribed = this.#namesOf('iot:Subscribe');
  readonly #received = this.#namesOf('iot:Receive');
  /** By the name with `$share/`; a delivery is allowed by either name. */
  readonly #receivedShared = new AllowedNames((shared, count, isSample) => {
    const topic = shared.replace(/^\$share\/[^/]*\//, '');
    const name = this.#allows('iot:Receive', topic) ? topic : shared;
    this.#countIn('iot:Receive', { name, count, isSample });
  });
  #second = 0;
  #explainedInSecond = 0;

  constructor(
    compiled: CompiledPrincipal,
    parts: Pick<AuthorizerParts, 'denials' | 'activity' | 'clock'> & Pick<Principal, 'claim' | 'thingName'>,
  ) {
    this.#compiled = compiled;
    this.claim = parts.claim;
    this.thingName = parts.thingName;
    this.#denials = parts.denials;
    this.#activity = parts.activity;
    this.#clock = parts.clock;
  }

  mayConnect(): boolean {
    const { clientId: name } = this.claim;
    if (!this.#check('iot:Connect', name, 'connect_denied')) return false;
    this.#countIn('iot:Connect', { name, count: 1, isSample: false });
    return true;
  }

  mayPublish(topic: string, retain: boolean): boolean {
    if (!this.#may(this.#published, topic, { action: 'iot:Publish', cause: 'publish_denied' })) return false;
    if (!retain) return true;
    return this.#may(this.#retained, topic, { action: 'iot:RetainPublish', cause: 'publish_denied' });
  }

  maySubscribe(filter: string): boolean {
    return this.#may(this.#subscribed, filter, { action: 'iot:Subscribe', cause: 'subscribe_denied' });
  }

  mayReceive(topic: string, shareName?: string): boolean {
    if (shareName !== undefined) return this.#mayReceiveShared(topic, `$share/${shareName}/${topic}`);
    return this.#may(this.#received, topic, { action: 'iot:Receive', cause: 'receive_denied' });
  }

  drain(): void {
    for (const names of [
      this.#published,
      this.#retained,
      this.#subscribed,
      this.#received,
      this.#receivedShared,
    ])
      names.drain();
  }

  /** What was allowed once is allowed for as long as these rights stand, unless they depend on the time. */
  #may(
    names: AllowedNames,
    name: string,
    { action, cause }: { readonly action: PolicyAction; readonly cause: DenialCause },
  ): boolean {
    const isKnown = !this.#compiled.dependsOnTime && names.has(name);
    if (isKnown) return true;
    if (!this.#check(action, name, cause)) return false;
    this.#keep(names, name);
    return true;
  }

  #keep(names: AllowedNames, name: string): void {
    if (!this.#compiled.dependsOnTime || !names.has(name)) names.add(name);
  }

  /** A member of a shared subscription needs one of its two names allowed and neither denied (AWS IoT, shared subscriptions). */
  #mayReceiveShared(topic: string, shared: string): boolean {
    if (!this.#compiled.dependsOnTime && this.#receivedShared.has(shared)) return true;
    const refused = this.#refusedOf(topic, shared);
    if (refused !== undefined) {
      this.#deny('iot:Receive', refused, 'receive_denied');
      return false;
    }
    this.#keep(this.#receivedShared, shared);
    return true;
  }

  /** The name for which a shared delivery is refused; undefined when it is allowed. */
  #refusedOf(topic: string, shared: string): string | undefined {
    const allowsTopic = this.#allows('iot:Receive', topic);
    const allowsShared = this.#allows('iot:Receive', shared);
    if (allowsTopic && allowsShared) return undefined;
    const other = allowsTopic ? shared : topic;
    if (!allowsTopic && !allowsShared) return other;
    return this.#compiled.decide('iot:Receive', other, this.#clock.now()).kind === 'explicitDeny'
      ? other
      : undefined;
  }

  #check(action: PolicyAction, name: string, cause: DenialCause): boolean {
    if (this.#allows(action, name)) return true;
    this.#deny(action, name, cause);
    return false;
  }

  #allows(action: PolicyAction, name: string): boolean {
    return this.#compiled.dependsOnTime
      ? this.#compiled.allows(action, name, this.#clock.now())
      : this.#compiled.allows(action, name);
  }

  #namesOf(action: PolicyAction): AllowedNames {
    return new AllowedNames((name, count, isSample) => this.#countIn(action, { name, count, isSample }));
  }

  #countIn(
    action: PolicyAction,
    { name, count, isSample }: { readonly name: string; readonly count: number; readonly isSample: boolean },
  ): void {
    if (this.thingName === undefined) return;
    this.#activity.record({ thingName: this.thingName, action, name, outcome: 'allowed', count });
    if (isSample) this.#activity.markSampled(this.thingName);
  }

  #deny(action: PolicyAction, name: string, cause: DenialCause): void {
    const nowMs = this.#clock.now();
    const { certificateId, clientId, remoteAddress = '' } = this.claim;
    this.#denials.record({
      cause,
      certificateId,
      clientId,
      remoteAddress,
      action,
      resource: name,
      ...(this.thingName === undefined ? {} : { thingName: this.thingName }),
      ...this.#explain(action, { name, nowMs }),
    });
  }

  #explain(
    action: PolicyAction,
    { name, nowMs }: { readonly name: string; readonly nowMs: number },
  ): Pick<DenialReport, 'explanation' | 'statement' | 'decision'> {
    if (!this.#mayExplain(nowMs))
      return { explanation: `\`${action}\` denied; too many denials in this second to explain each` };
    // Not more often than that: a device that floods does not make work with its sketch either.
    if (this.thingName !== undefined)
      this.#activity.record({ thingName: this.thingName, action, name, outcome: 'denied', count: 1 });
    const decision = this.#compiled.decide(action, name, nowMs);
    const statement = decision.kind === 'implicitDeny' ? decision.nearest?.statement : decision.statement;
    return {
      explanation: explainDecision(decision),
      ...(statement === undefined ? {} : { statement }),
      ...(decision.kind === 'allow' ? {} : { decision: decision.kind }),
    };
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
