import { holds } from '../conditions.ts';
import type { Condition, PolicyBinding } from '../document.ts';
import type { StateBudget } from '../language/budget.ts';
import type { Machine } from '../language/machine.ts';
import type { Symbols } from '../language/symbols.ts';
import type { Variable } from '../variables.ts';
import { type Clause, conditionKey, resourceVariables } from './clauses.ts';
import { type Case, dimensionsOf, variablesOfCondition } from './dimensions.ts';
import { type Association, CERTIFICATE_ID, CLIENT_ID, type Facts, isOfCertificate, known } from './facts.ts';

/** What a variable in a resource is in one world. */
export type VariableState =
  | { readonly kind: 'unresolved' }
  /** Any text it can have; where conditions look at it, the texts with that vector. */
  | { readonly kind: 'open'; readonly constraint?: Constraint }
  | { readonly kind: 'text'; readonly text: string };

export interface Constraint {
  readonly machine: Machine;
  /** What the machine accepts, pattern by pattern. */
  readonly vector: string;
  /** Tells the machine from those of other constraints on the variable. */
  readonly about: string;
}

/**
 * Requests that no condition tells apart: which conditions hold is settled, and free is only the text of variables in
 * resources. All worlds together are all requests.
 */
export interface World {
  readonly facts: Facts;
  /** For each clause 1 when its conditions hold. */
  readonly alive: Uint8Array;
  readonly variables: ReadonlyMap<string, VariableState>;
  /** Conditions whose outcome is assumed here, because no automaton can follow them. */
  readonly assumed: readonly string[];
}

/** Worlds of one key differ in conditions only: their variables are the same. */
export function variablesKey({ facts, variables }: World): string {
  const states = [...variables].map(([name, state]) => {
    if (state.kind !== 'open') return [name, state.kind, state.kind === 'text' ? state.text : ''];
    return [name, state.kind, state.constraint?.vector ?? '', state.constraint?.about ?? ''];
  });
  return JSON.stringify([facts.association, facts.clientAlias ?? '', states]);
}

export interface WorldOptions {
  readonly binding: PolicyBinding;
  readonly symbols: Symbols;
  readonly budget: StateBudget;
  /** Leaves requests out that have no client id: those of no connection. */
  readonly connected?: boolean;
  /** Leaves exclusive attachments out: a thing then always connects under its own name. */
  readonly withoutExclusive?: boolean;
}

export interface WorldMaker extends WorldOptions {
  readonly clauses: readonly Clause[];
  readonly conditions: readonly Condition[];
  readonly association: Association;
  /** The variables in resources, by name. */
  readonly inResources: ReadonlySet<string>;
  readonly keys: readonly Variable[];
}

/** Every kind of request that the clauses tell apart, in that region and account. */
export function worldsOf(clauses: readonly Clause[], options: WorldOptions): readonly World[] {
  const { conditions, uses } = distinctConditions(clauses);
  const variables = resourceVariables(clauses);
  const mentioned = [...variables, ...conditions.flatMap(variablesOfCondition)];
  const keys = [...new Map(mentioned.map((key) => [key.name, key])).values()];
  const inResources = new Set(variables.map(({ name }) => name));
  return associationsOf(clauses, keys, options).flatMap((association) => {
    const maker = { ...options, clauses, conditions, association, inResources, keys };
    return multiply(dimensionsOf(maker), uses, maker);
  });
}

function distinctConditions(clauses: readonly Clause[]) {
  const numbers = new Map<string, number>();
  const conditions: Condition[] = [];
  const uses = clauses.map(({ statement }) =>
    statement.conditions.map((condition) => {
      const key = conditionKey(condition);
      const number = numbers.get(key) ?? conditions.push(condition) - 1;
      numbers.set(key, number);
      return number;
    }),
  );
  return { conditions, uses };
}

function associationsOf(
  clauses: readonly Clause[],
  keys: readonly Variable[],
  { withoutExclusive, connected }: WorldOptions,
): readonly Association[] {
  const looksAtThing = keys.some(isOfThing) || clauses.some(({ policy }) => policy.via === 'group');
  if (!looksAtThing && connected !== true) return ['none'];
  // The name of a Connect is the client id.
  const looksAtClient =
    keys.some(({ name }) => name === CLIENT_ID) ||
    clauses.some(({ statement }) => statement.actions.includes('iot:Connect'));
  return looksAtClient && withoutExclusive !== true ? ['named', 'none', 'exclusive'] : ['named', 'none'];
}

function isOfThing({ kind }: Variable): boolean {
  return ['thingName', 'thingTypeName', 'thingAttribute', 'isAttached'].includes(kind);
}

interface Draft extends World {
  /** Settled that the request comes without a certificate: nothing of one can be known then. */
  readonly isBare: boolean;
}

/** All combinations of cases, those that come to the same once. */
function multiply(
  dimensions: readonly (readonly Case[])[],
  uses: readonly (readonly number[])[],
  { association, clauses, budget }: WorldMaker,
): readonly World[] {
  const alive = Uint8Array.from(clauses, ({ policy, isAllow }) =>
    policy.via === 'group' && isAllow && association === 'none' ? 0 : 1,
  );
  const facts: Facts = { association, texts: new Map() };
  let drafts: readonly Draft[] = [{ facts, alive, variables: new Map(), assumed: [], isBare: false }];
  for (const cases of dimensions) {
    const next = new Map<string, Draft>();
    for (const draft of drafts) {
      for (const one of cases) {
        budget.spend();
        const extended = extend(draft, one, { uses, clauses });
        const key = extended === undefined ? '' : signature(extended);
        if (extended !== undefined && !next.has(key)) next.set(key, extended);
      }
    }
    drafts = [...next.values()];
  }
  return drafts;
}

function signature({ alive, variables, isBare }: Draft): string {
  const states = [...variables].map(([name, state]) => {
    const detail = state.kind === 'open' ? state.constraint?.vector : state.kind === 'text' ? state.text : '';
    return [name, state.kind, detail];
  });
  return `${alive.join('')} ${isBare} ${JSON.stringify(states)}`;
}

function extend(
  draft: Draft,
  one: Case,
  { uses, clauses }: { readonly uses: readonly (readonly number[])[]; readonly clauses: readonly Clause[] },
): Draft | undefined {
  const given = [...(one.texts ?? [])].map(([name]) => known(name));
  if (draft.isBare && given.some(isOfCertificate)) return undefined;
  const alive = draft.alive.slice();
  for (const [id, numbers] of uses.entries()) {
    const { effect } = clauses[id]!.statement;
    const fails = (number: number) => {
      const outcome = one.outcomes.get(number);
      return outcome !== undefined && !holds(effect, outcome);
    };
    if (numbers.some(fails)) alive[id] = 0;
  }
  return {
    facts: {
      ...draft.facts,
      texts: new Map([...draft.facts.texts, ...(one.texts ?? [])]),
      ...(one.connect === undefined ? {} : { connect: one.connect }),
      ...(one.nowMs === undefined ? {} : { nowMs: one.nowMs }),
    },
    alive,
    variables: new Map([...draft.variables, ...(one.variables ?? [])]),
    assumed: one.assumed === undefined ? draft.assumed : [...draft.assumed, one.assumed],
    isBare: draft.isBare || one.isAbsent === CERTIFICATE_ID,
  };
}
