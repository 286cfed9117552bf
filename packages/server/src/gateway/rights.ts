import type { Clock } from '@fleetward/core';
import {
  type CompiledPrincipal,
  explainDecision,
  type PolicyAction,
  type StatementRef,
} from '@fleetward/policy';

/** Compiled policies that are asked now. */
export class Rights {
  /** Whether what is allowed now may be denied later though nothing changed but the time. Asked for each packet. */
  readonly dependOnTime: boolean;
  readonly #compiled: CompiledPrincipal;
  readonly #clock: Clock;

  constructor(compiled: CompiledPrincipal, clock: Clock) {
    this.#compiled = compiled;
    this.#clock = clock;
    this.dependOnTime = compiled.dependsOnTime;
  }

  allow(action: PolicyAction, name: string): boolean {
    return this.dependOnTime
      ? this.#compiled.allows(action, name, this.#clock.now())
      : this.#compiled.allows(action, name);
  }

  /**
   * The name for which a delivery to a member of a shared subscription is refused; undefined when it is allowed: one of its two names
   * is, and neither is denied (AWS IoT, shared subscriptions).
   */
  refusedOfShared(topic: string, shared: string): string | undefined {
    const allowsTopic = this.allow('iot:Receive', topic);
    const allowsShared = this.allow('iot:Receive', shared);
    if (allowsTopic && allowsShared) return undefined;
    const other = allowsTopic ? shared : topic;
    if (!allowsTopic && !allowsShared) return other;
    return this.#compiled.decide('iot:Receive', other, this.#clock.now()).kind === 'explicitDeny'
      ? other
      : undefined;
  }

  /** The decision in words, with the statement that made it or came nearest. */
  explain(action: PolicyAction, name: string): Explained {
    const decision = this.#compiled.decide(action, name, this.#clock.now());
    const statement = decision.kind === 'implicitDeny' ? decision.nearest?.statement : decision.statement;
    return {
      explanation: explainDecision(decision),
      ...(statement === undefined ? {} : { statement }),
      ...(decision.kind === 'allow' ? {} : { decision: decision.kind }),
    };
  }
}

interface Explained {
  readonly explanation: string;
  readonly statement?: StatementRef;
  readonly decision?: 'explicitDeny' | 'implicitDeny';
}
