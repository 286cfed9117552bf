import { POLICY_ACTIONS, type PolicyAction, resourceTypeOf } from '../actions.ts';
import { explainDecision } from '../explain.ts';
import type { Candidate } from './candidates.ts';
import type { PolicySet } from './clauses.ts';
import { clausesAbout } from './clauses.ts';
import { notesOn } from './notes.ts';
import type { Goal, Problem, Verdict } from './problem.ts';
import {
  type CounterExample,
  type DecidedRequest,
  type Proof,
  type ProofOptions,
  reasonOf,
} from './proof.ts';
import { decideWritten, writeRequest } from './requests.ts';
import { mayRefuse, waysToAllow } from './role.ts';
import { solve } from './solve.ts';
import { bindingsFor, type Space, spaceOf, worldsFor } from './space.ts';

/** Whether everything that `policies` allow is allowed by `others` too. */
export function proveAtMost(policies: PolicySet, others: PolicySet, options: ProofOptions = {}): Proof {
  const space = spaceOf([policies, others], [], options);
  const property = 'everything it allows is allowed by the other';
  let openReason: 'too large' | 'not regular' | undefined;
  for (const action of POLICY_ACTIONS) {
    const verdict = beyond(space, action);
    if (verdict.kind === 'found') {
      const counterExample = exampleOf(verdict.candidate, action, space);
      return answer(space, { property, verdict: 'no', summary: counterExample.summary, counterExample });
    }
    if (verdict.kind === 'open') openReason ??= verdict.reason;
  }
  if (openReason !== undefined) {
    const summary = reasonOf(openReason, space.budget.statesMax);
    return answer(space, { property, verdict: 'undecided', summary });
  }
  return answer(space, {
    property,
    verdict: 'yes',
    summary: 'no request is allowed by it that the other does not allow',
  });
}

/** Whether both allow the same; the counter-example says in which direction they differ. */
export function proveEqual(policies: PolicySet, others: PolicySet, options: ProofOptions = {}): Proof {
  const property = 'both allow the same';
  const forth = proveAtMost(policies, others, options);
  if (forth.verdict === 'no') return { ...forth, property };
  const back = proveAtMost(others, policies, options);
  const states = forth.states + back.states;
  if (back.verdict === 'no') {
    const requests = back.counterExample?.requests.map((request) => ({
      ...request,
      by: request.by === 'this' ? 'other' : 'this',
    }));
    const summary = back.summary
      .replace('it allows', 'the other allows')
      .replace('the other does not', 'it does not');
    return { ...back, property, states, summary, counterExample: { summary, requests: requests ?? [] } };
  }
  if (forth.verdict === 'undecided') return { ...forth, property, states };
  if (back.verdict === 'undecided') return { ...back, property, states };
  return { ...forth, property, states, summary: 'no request is decided differently' };
}

function answer(space: Space, proof: Omit<Proof, 'assumptions' | 'states'>): Proof {
  return { ...proof, assumptions: notesOn(space), states: space.budget.used };
}

/** A request for the action that the first set allows and the second one refuses. */
function beyond(space: Space, action: PolicyAction): Verdict {
  const allows = clausesAbout(space.clauses, action).filter(({ set, isAllow }) => set === 0 && isAllow);
  if (allows.length === 0) return { kind: 'impossible' };
  let left: Verdict = { kind: 'impossible' };
  for (const binding of bindingsFor(space, action)) {
    const [verdict] = solveWith(space, action, { binding, goals: [goal(space, action)] });
    if (verdict!.kind === 'found') return verdict!;
    if (verdict!.kind === 'open') left = verdict!;
  }
  return left;
}

function goal({ sets }: Space, action: PolicyAction): Goal {
  return {
    mayBe: ({ role, accepted, worlds: [world] }) => {
      const { alive } = world!;
      return waysToAllow(role(0), accepted(0), { set: 0, alive }).some((ruledOut) =>
        mayRefuse(role(0), accepted(0), { set: 1, alive, ruledOut }),
      );
    },
    isIt: (candidate) => {
      const request = requestOf(candidate, action);
      return (
        decideWritten(sets[0]!, request).kind === 'allow' && decideWritten(sets[1]!, request).kind !== 'allow'
      );
    },
  };
}

export function requestOf({ name, facts, binding }: Candidate, action: PolicyAction) {
  return writeRequest(action, name, { facts: facts[0]!, binding });
}

/** Solves goals about one action and one device. */
export function solveWith(
  space: Space,
  action: PolicyAction,
  { binding, ...rest }: Pick<Problem, 'goals' | 'wantsDenies'> & { readonly binding: Candidate['binding'] },
): readonly Verdict[] {
  return solve({
    ...space,
    binding,
    ...rest,
    type: resourceTypeOf(action),
    parts: [{ kind: 'action', action, reads: 'name', speaker: 0 }],
    speakers: () => [worldsFor(space, [action], { binding })],
  });
}

function exampleOf(candidate: Candidate, action: PolicyAction, { sets }: Space): CounterExample {
  const request = requestOf(candidate, action);
  const requests = sets.map((policies, index): DecidedRequest => {
    const decision = decideWritten(policies, request);
    const by = index === 0 ? 'this' : 'other';
    return { ...request, by, decision: decision.kind, explanation: explainDecision(decision) };
  });
  return {
    summary: `it allows \`${action}\` on \`${request.resource}\`, which the other does not`,
    requests,
  };
}
