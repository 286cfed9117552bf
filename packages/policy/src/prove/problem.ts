import type { PolicyAction, ResourceType } from '../actions.ts';
import type { PolicyBinding } from '../document.ts';
import type { StateBudget } from '../language/budget.ts';
import type { Symbols } from '../language/symbols.ts';
import type { Token } from '../template.ts';
import type { Candidate } from './candidates.ts';
import type { Clause } from './clauses.ts';
import type { Role } from './role.ts';
import type { Reader } from './search-node.ts';
import type { World } from './worlds.ts';

/** What a question reads the name with: the resources of an action, or a pattern that is given. */
export type Part =
  | {
      readonly kind: 'action';
      readonly action: PolicyAction;
      readonly reads: Reader['reads'];
      /** As of the reader that it becomes: numbers of other parts. */
      readonly partner?: number;
      readonly substitute?: number;
      readonly speaker: number;
    }
  /** Names that match one of the patterns; `isRequired` leaves all others out. */
  | {
      readonly kind: 'patterns';
      readonly patterns: readonly (readonly Token[])[];
      readonly isRequired: boolean;
    };

/** Something that would be wrong, to be found or ruled out. */
export interface Goal {
  /** Whether the parts, as they have read the name, may be it. Says yes when in doubt. */
  readonly mayBe: (view: View) => boolean;
  /** Decides on concrete requests; true when it is. */
  readonly isIt: (candidate: Candidate) => boolean;
}

export interface View {
  /** The role of a part about an action. */
  readonly role: (part: number) => Role;
  readonly parts: number;
  /** What the part's machine accepts at this place. */
  readonly accepted: (part: number) => Uint8Array;
  /** Whether a part that reads shared names has a shared filter beside it. */
  readonly isActive: (part: number) => boolean;
  readonly worlds: readonly World[];
}

export interface Problem {
  readonly clauses: readonly Clause[];
  readonly binding: PolicyBinding;
  readonly symbols: Symbols;
  readonly budget: StateBudget;
  readonly parts: readonly Part[];
  /** Of what type the name is that all parts read. */
  readonly type: ResourceType;
  /** For each speaker the worlds it can be in; made within the budget. */
  readonly speakers: () => readonly (readonly World[])[];
  readonly goals: readonly Goal[];
  /** Patterns of client ids by which a connection may be allowed: worth trying in a counter-example. */
  readonly clientIds?: readonly (readonly Token[])[];
  /** Whether goals ask for what Denies match, allowed or not. */
  readonly wantsDenies?: boolean;
  /** Variables of which two speakers never have the same value. */
  readonly distinct?: readonly string[];
}

export type Verdict =
  | { readonly kind: 'found'; readonly candidate: Candidate }
  | { readonly kind: 'impossible' }
  | { readonly kind: 'open'; readonly reason: 'too large' | 'not regular' };

export interface Setting {
  /** For each speaker worlds in which variables are the same. */
  readonly groups: readonly (readonly World[])[];
}

export interface Standing {
  readonly goal: Goal;
  verdict: Verdict | undefined;
  /** Whether some text with marks may be it in the setting at hand, though no request was. */
  isSuspect: boolean;
  refusals: number;
}
