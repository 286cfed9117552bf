import { type CertificateId, parseThingName, type ThingName } from '@fleetward/core';
import type { Access } from '@fleetward/mqtt';
import type { Certificate } from '@fleetward/pki';
import {
  associateThing,
  type CompiledPrincipal,
  compilePrincipal,
  explainDecision,
  type PolicyAction,
  type PrincipalContext,
} from '@fleetward/policy';
import type { DenialCause, Denials } from '../denials/index.ts';
import type { Policies } from '../policies/index.ts';
import type { Things } from '../things/index.ts';
import { certificateContext } from './certificate-context.ts';

/** What a device says of itself when it connects, and how it proved who it is. */
export interface PrincipalClaim {
  readonly certificateId: CertificateId;
  readonly certificate: Certificate;
  readonly clientId: string;
  readonly remoteAddress: string;
  readonly connect: { readonly persistent: boolean; readonly willTopic?: string };
}

/** A device's rights for one connection: compiled once, consulted on every packet. */
export interface Principal extends Access {
  readonly claim: PrincipalClaim;
  /** The associated thing, when there is one. */
  readonly thingName: ThingName | undefined;
  /** Decides Connect on the client id. */
  mayConnect(): boolean;
}

/** The one place where a device's action is decided, whatever protocol it came over. */
export class Authorizer {
  readonly #platform: { readonly policies: Policies; readonly things: Things; readonly denials: Denials };

  constructor(platform: { readonly policies: Policies; readonly things: Things; readonly denials: Denials }) {
    this.#platform = platform;
  }

  /** Compiles the rights as they stand now; the gateway asks again whenever policies, things or attachments change. */
  principal(claim: PrincipalClaim): Principal {
    const { things, policies, denials } = this.#platform;
    const attachments = things.attachmentsOf(claim.certificateId);
    const association = associateThing(attachments, claim.clientId);
    const thing =
      association.kind === 'associated' ? things.known(parseThingName(association.thingName)) : undefined;
    const context: PrincipalContext = {
      clientId: claim.clientId,
      sourceIp: claim.remoteAddress,
      certificate: certificateContext(claim.certificate),
      connect: claim.connect,
      ...(thing === undefined ? {} : { thing }),
    };
    const compiled = compilePrincipal(policies.attachedTo(claim.certificateId), context);
    return new CompiledAccess(compiled, claim, thing?.name, denials);
  }
}

class CompiledAccess implements Principal {
  readonly claim: PrincipalClaim;
  readonly thingName: ThingName | undefined;
  readonly #compiled: CompiledPrincipal;
  readonly #denials: Denials;

  constructor(
    compiled: CompiledPrincipal,
    claim: PrincipalClaim,
    thingName: ThingName | undefined,
    denials: Denials,
  ) {
    this.#compiled = compiled;
    this.claim = claim;
    this.thingName = thingName;
    this.#denials = denials;
  }

  mayConnect(): boolean {
    return this.#check('iot:Connect', this.claim.clientId, 'connect_denied');
  }

  mayPublish(topic: string, retain: boolean): boolean {
    if (!this.#check('iot:Publish', topic, 'publish_denied')) return false;
    return !retain || this.#check('iot:RetainPublish', topic, 'publish_denied');
  }

  maySubscribe(filter: string): boolean {
    return this.#check('iot:Subscribe', filter, 'subscribe_denied');
  }

  mayReceive(topic: string): boolean {
    return this.#check('iot:Receive', topic, 'receive_denied');
  }

  #check(action: PolicyAction, name: string, cause: DenialCause): boolean {
    if (this.#compiled.allows(action, name)) return true;
    const { certificateId, clientId, remoteAddress } = this.claim;
    this.#denials.record({
      cause,
      certificateId,
      clientId,
      remoteAddress,
      action,
      resource: name,
      explanation: explainDecision(this.#compiled.decide(action, name)),
      ...(this.thingName === undefined ? {} : { thingName: this.thingName }),
    });
    return false;
  }
}
