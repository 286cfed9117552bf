import {
  type Clock,
  type GroupName,
  isAppError,
  parseGroupName,
  parseThingName,
  type ThingName,
  type Transaction,
  type Transactor,
} from '@fleetward/core';
import { isConflict, StoreError } from '../store-error.ts';
import type { Actor } from '../trail/index.ts';
import {
  assertTellable,
  type GivenThing,
  newThing,
  type PlacedThing,
  partsThatDiffer,
  staysOut,
} from './import-rules.ts';
import { changedThing } from './rules.ts';
import type { Things } from './service.ts';

interface Membership {
  readonly groupName: GroupName;
  readonly thingName: ThingName;
}

export type ImportResult =
  | { readonly outcome: 'created' | 'unchanged' | 'updated' }
  | { readonly outcome: 'differs' | 'refused'; readonly reason: string; readonly explanation: string };

export interface ThingImportsOptions {
  readonly things: Pick<Things, 'known' | 'assertFit' | 'createAllWithin' | 'update'>;
  readonly groups: {
    groupsOf(name: ThingName): readonly GroupName[];
    readonly memberships: {
      assertPlaceable(name: ThingName, groupNames: readonly GroupName[]): void;
      placeWithin(tx: Transaction, memberships: readonly Membership[]): Promise<void>;
      add(membership: Membership, actor: Actor): Promise<void>;
    };
  };
  readonly transactor: Transactor;
  readonly clock: Clock;
}

export interface ImportTerms {
  /** Whether what is there and differs is changed. */
  readonly update: boolean;
  readonly dryRun: boolean;
  readonly actor: Actor;
}

type Verdict =
  | { readonly kind: 'new'; readonly placed: PlacedThing }
  | {
      readonly kind: 'known';
      readonly given: GivenThing;
      readonly before: PlacedThing;
      readonly groupNames: readonly GroupName[];
    }
  | { readonly kind: 'over'; readonly result: ImportResult };

const attemptsMax = 3;

/** Things that come by the hundred: what is new is made in one transaction, and a wrong one is no trouble to the others. */
export class ThingImports {
  readonly #options: ThingImportsOptions;
  readonly #counts = { created: 0, unchanged: 0, updated: 0, differs: 0, refused: 0 };

  constructor(options: ThingImportsOptions) {
    this.#options = options;
  }

  /** Outcomes since the start, dry runs aside. */
  get counts(): Readonly<Record<ImportResult['outcome'], number>> {
    return this.#counts;
  }

  /** One result for each, in their order. Given again after an interruption, what is there already is `unchanged`. */
  async run(given: readonly GivenThing[], terms: ImportTerms): Promise<readonly ImportResult[]> {
    const verdicts = await this.#createNew(given, terms);
    const results: ImportResult[] = [];
    // One by one: what is required of policies is judged of each change of a thing that certificates may speak for.
    for (const verdict of verdicts) results.push(await this.#resultOf(verdict, terms));
    if (!terms.dryRun) for (const { outcome } of results) this.#counts[outcome]++;
    return results;
  }

  async #createNew(given: readonly GivenThing[], terms: ImportTerms): Promise<readonly Verdict[]> {
    for (let attempt = 1; ; attempt++) {
      const verdicts = this.#judgeAll(given);
      const placed = verdicts.flatMap((verdict) => (verdict.kind === 'new' ? verdict.placed : []));
      if (terms.dryRun || placed.length === 0) return verdicts;
      try {
        await this.#options.transactor.transact((tx) => this.#createWithin(tx, placed, terms.actor));
        return verdicts;
      } catch (error) {
        // Somebody made one of them, or removed a group, meanwhile: then the verdicts are others.
        if (!isConflict(error) || attempt === attemptsMax) throw error;
      }
    }
  }

  #createWithin(tx: Transaction, placed: readonly PlacedThing[], actor: Actor): Promise<void> {
    const memberships = placed.flatMap(({ thing, groupNames }) =>
      groupNames.map((groupName) => ({ groupName, thingName: thing.name })),
    );
    const place = () => this.#options.groups.memberships.placeWithin(tx, memberships);
    return this.#options.things.createAllWithin(tx, placed, { actor, place });
  }

  #judgeAll(given: readonly GivenThing[]): readonly Verdict[] {
    const names = new Set<string>();
    return given.map((each) => {
      const isAgain = names.has(each.thingName);
      names.add(each.thingName);
      try {
        return isAgain ? { kind: 'over', result: givenTwice } : this.#judge(each);
      } catch (error) {
        return { kind: 'over', result: refusal(error) };
      }
    });
  }

  /** Throws what is wrong with it. */
  #judge(given: GivenThing): Verdict {
    const { groups, things, clock } = this.#options;
    const name = parseThingName(given.thingName);
    const groupNames = [...new Set(given.groupNames ?? [])].map((groupName) => parseGroupName(groupName));
    groups.memberships.assertPlaceable(name, groupNames);
    const thing = things.known(name);
    const after = thing === undefined ? newThing(name, given, clock.now()) : changedThing(thing, given);
    things.assertFit(after);
    assertTellable({ thing: after, groupNames });
    if (thing === undefined) return { kind: 'new', placed: { thing: after, groupNames } };
    return { kind: 'known', given, before: { thing, groupNames: groups.groupsOf(name) }, groupNames };
  }

  async #resultOf(verdict: Verdict, { update, dryRun, actor }: ImportTerms): Promise<ImportResult> {
    if (verdict.kind === 'over') return verdict.result;
    if (verdict.kind === 'new') return { outcome: 'created' };
    const { given, before, groupNames } = verdict;
    const { state } = before.thing;
    if (staysOut(state, given.lifecycleState))
      return differs(
        `it is \`${state}\` and not \`${given.lifecycleState}\`: an import does not change that, \`thing set-state\` does`,
      );
    const joins = groupNames.filter((groupName) => !before.groupNames.includes(groupName));
    const parts = [...partsThatDiffer(before.thing, given), ...(joins.length === 0 ? [] : ['groups'])];
    if (parts.length === 0) return { outcome: 'unchanged' };
    if (!update)
      return differs(
        `it is there with other ${parts.join(', ')}: nothing of it is changed without \`update\``,
      );
    return dryRun ? { outcome: 'updated' } : this.#update(verdict, joins, actor);
  }

  /** By the ways on which an operator changes one thing, with all that they ask. */
  async #update(
    { given, before }: Extract<Verdict, { readonly kind: 'known' }>,
    joins: readonly GroupName[],
    actor: Actor,
  ): Promise<ImportResult> {
    const { name: thingName } = before.thing;
    try {
      // First what a guard rail may refuse.
      for (const groupName of joins)
        await this.#options.groups.memberships.add({ groupName, thingName }, actor);
      if (partsThatDiffer(before.thing, given).length > 0)
        await this.#options.things.update(thingName, given, actor);
      return { outcome: 'updated' };
    } catch (error) {
      return refusal(error);
    }
  }
}

const givenTwice: ImportResult = {
  outcome: 'refused',
  reason: 'things.exists',
  explanation: 'the request has a thing of this name before',
};

function differs(explanation: string): ImportResult {
  return { outcome: 'differs', reason: 'things.exists', explanation };
}

/** What is nobody's fault but ours is no result. */
function refusal(error: unknown): ImportResult {
  if (!isAppError(error) || error instanceof StoreError) throw error;
  return { outcome: 'refused', reason: error.code, explanation: error.message };
}
