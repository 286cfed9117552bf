import type { ThingName, Transaction, Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../trail/index.ts';
import { thingNotFound } from './errors.ts';
import type { ThingEvent } from './event.ts';
import { assertTransition, type LifecycleState, maySpeak } from './lifecycle.ts';
import type { ThingRegistry } from './registry.ts';
import type { Thing, ThingStore } from './store.ts';

export interface ThingStatesParts {
  readonly store: Pick<ThingStore, 'setState'>;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly registry: ThingRegistry;
  /** Called in the tick in which the commit is known; must not throw. */
  readonly announce: (event: ThingEvent) => void;
  /** Runs `work` while the thing can be neither changed nor removed by anybody else. */
  readonly hold: <Result>(name: ThingName, work: () => Promise<Result>) => Promise<Result>;
}

/** `reason`: for the trail. */
export interface StateChange {
  readonly name: ThingName;
  readonly to: LifecycleState;
  readonly reason?: string;
}

/** Transactions at once that note that a device came for the first time. */
const becomingActiveMax = 64;

/** Where things stand between factory and scrap: each step of their lifecycles, and the connections that it cuts or lets in. */
export class ThingStates {
  readonly #parts: ThingStatesParts;
  readonly #becomingActive = new Set<ThingName>();

  constructor(parts: ThingStatesParts) {
    this.#parts = parts;
  }

  /**
   * `quarantined` and `retired` cut its live connections in the tick of the commit, and refuse its devices from then on, over every
   * protocol. Throws `things.not_found`, or `things.state_refused` for a change that is not one of the lifecycle.
   */
  change({ name, to, reason }: StateChange, actor: Actor): Promise<Thing> {
    const { store, transactor, trail, registry, hold } = this.#parts;
    return hold(name, () =>
      transactor.transact(async (tx) => {
        const thing = registry.get(name);
        const { state: from } = thing;
        assertTransition(from, to);
        if (!(await store.setState(tx, { name, from, to }))) throw thingNotFound(name);
        const payload = { thingName: name, from, to, ...(reason === undefined ? {} : { reason }) };
        await trail.append(tx, { kind: 'thing.state_changed', actor, payload });
        tx.afterCommit(() => this.#becomes(name, to));
        return { ...thing, state: to };
      }),
    );
  }

  /** What has a certificate is not only manufactured any more. */
  async provisionWithin(tx: Transaction, name: ThingName): Promise<void> {
    const change = { name, from: 'manufactured', to: 'provisioned' } as const;
    if (await this.#parts.store.setState(tx, change))
      tx.afterCommit(() => this.#becomes(name, 'provisioned'));
  }

  /** A device of the thing is there: what was provisioned is active from now on. */
  seen(name: ThingName): void {
    if (this.#parts.registry.find(name)?.state !== 'provisioned') return;
    // Many may come at once: whoever has no turn now has it when it comes again.
    if (this.#becomingActive.has(name) || this.#becomingActive.size >= becomingActiveMax) return;
    this.#becomingActive.add(name);
    void this.change({ name, to: 'active' }, { kind: 'system' })
      .catch(() => undefined) // removed, or put elsewhere by an operator; or it is tried again when it comes again
      .finally(() => this.#becomingActive.delete(name));
  }

  #becomes(name: ThingName, state: LifecycleState): void {
    const { registry, announce } = this.#parts;
    const before = registry.find(name);
    if (before === undefined) return;
    registry.add({ ...before, state });
    if (maySpeak(before.state) === maySpeak(state)) return;
    const kind = maySpeak(state) ? 'thing-let-in' : 'thing-shut-out';
    announce({ kind, thingName: name, certificateIds: registry.certificateIdsOf(name) });
  }
}
