import { POLICY_ACTIONS, type PolicyAction, type ResourceType, resourceTypeOf } from '../actions.ts';
import { PolicyError } from '../errors.ts';
import { explainDecision } from '../explain.ts';
import { parseTemplate, type Token } from '../template.ts';
import type { Candidate } from './candidates.ts';
import type { PolicySet } from './clauses.ts';
import { notesOn } from './notes.ts';
import type { Goal } from './problem.ts';
import {
  type CounterExample,
  type DecidedRequest,
  type Proof,
  type ProofOptions,
  reasonOf,
} from './proof.ts';
import { decideWritten } from './requests.ts';
import { solve } from './solve.ts';
import { bindingsFor, type Space, spaceOf, widestWorlds, worldsFor } from './space.ts';
import { actingOn, RECEIVING, SUBSCRIBING, type Use } from './uses.ts';

/** What must never happen: an action, on names that a pattern of `*` and `?` gives. */
export interface NeverQuestion {
  /** Such as `publish`, `receive` or `iot:Publish`. */
  readonly action: string;
  /** A name, its ARN's tail or a whole ARN, with `*` and `?`: `firmware/*`, `topic/firmware/*`. */
  readonly resource: string;
}

interface Plan {
  readonly use: Use;
  readonly type: ResourceType;
  readonly tokens: readonly Token[];
  readonly text: string;
}

/**
 * Whether no principal with these policies can ever do that. A subscription is followed to the topics its filter covers, and
 * a delivery needs a subscription and `iot:Receive`. Throws `policy.request` for an action or resource that does not exist.
 */
export function proveNever(policies: PolicySet, question: NeverQuestion, options: ProofOptions = {}): Proof {
  const plan = planOf(question);
  const space = spaceOf(
    [policies],
    plan.tokens.flatMap((token) => (token.kind === 'text' ? [token.text] : [])),
    options,
  );
  const property = `never ${plan.text}`;
  let open: 'too large' | 'not regular' | undefined;
  for (const binding of bindingsFor(space, plan.use.actions[0]!)) {
    const [verdict] = solve({
      ...space,
      binding,
      type: plan.type,
      parts: [...plan.use.parts(0, 0), { kind: 'patterns', patterns: [plan.tokens], isRequired: true }],
      speakers: () => [widestWorlds(worldsFor(space, plan.use.actions, { binding }), space)],
      goals: [goalOf(plan, policies)],
    });
    if (verdict!.kind === 'found') {
      const counterExample = exampleOf(verdict!.candidate, plan, policies);
      return answer(space, { property, verdict: 'no', summary: counterExample.summary, counterExample });
    }
    if (verdict!.kind === 'open') open ??= verdict!.reason;
  }
  if (open !== undefined)
    return answer(space, { property, verdict: 'undecided', summary: reasonOf(open, space.budget.statesMax) });
  return answer(space, {
    property,
    verdict: 'yes',
    summary: `no request is allowed by which it could ${plan.text}`,
  });
}

function answer(space: Space, proof: Omit<Proof, 'assumptions' | 'states'>): Proof {
  return { ...proof, assumptions: notesOn(space), states: space.budget.used };
}

function planOf({ action: word, resource }: NeverQuestion): Plan {
  const action = actionOf(word);
  const tail = resource.startsWith('arn:') ? resource.split(':').slice(5).join(':') : resource;
  const isFilterText = action === 'iot:Subscribe' && tail.startsWith('topicfilter/');
  const isFollowed = action === 'iot:Subscribe' && !isFilterText;
  const type = isFollowed ? 'topic' : resourceTypeOf(action);
  const name = tail.startsWith(`${type}/`) ? tail.slice(type.length + 1) : tail;
  const parsed = parseTemplate(name, { wildcards: true });
  if (parsed.kind === 'problem')
    throw new PolicyError(
      'policy.request',
      `the resource cannot be read: ${parsed.message}; expected ${parsed.expected}`,
    );
  if (parsed.tokens.some(({ kind }) => kind === 'variable'))
    throw new PolicyError('policy.request', 'the resource has a variable; expected a name with `*` and `?`');
  const text = `${word.replace(/^iot:/, '').toLowerCase()} ${isFollowed || type === 'none' ? '' : `${type}/`}${name}`;
  return { type, tokens: parsed.tokens, text, use: useOf(action, isFollowed) };
}

/** `retain-publish`, `RetainPublish` and `iot:RetainPublish` are the same. */
function actionOf(word: string): PolicyAction {
  const bare = (text: string) => text.replace(/^iot:/, '').replaceAll('-', '').toLowerCase();
  const action = POLICY_ACTIONS.find((known) => bare(known) === bare(word));
  if (action !== undefined) return action;
  throw new PolicyError(
    'policy.request',
    `\`${word.slice(0, 64)}\` is no action; expected one such as \`publish\`, \`receive\`, \`subscribe\` or \`connect\``,
  );
}

function useOf(action: PolicyAction, isFollowed: boolean): Use {
  if (action === 'iot:Receive') return RECEIVING;
  if (isFollowed) return SUBSCRIBING;
  // A retained message needs both (AWS IoT).
  return actingOn(action === 'iot:RetainPublish' ? ['iot:Publish', action] : [action]);
}

function goalOf({ use }: Plan, policies: PolicySet): Goal {
  return {
    mayBe: (view) => {
      const [target, world] = [view.accepted(view.parts - 1), view.worlds[0]!];
      return target[0] === 1 && use.mayDo(view, 0, { set: 0, alive: world.alive });
    },
    isIt: (candidate) => use.does(policies, candidate, { first: 0, own: ownOf(candidate) }),
  };
}

function ownOf({ facts, binding }: Candidate) {
  return { facts: facts[0]!, binding };
}

function exampleOf(candidate: Candidate, { use, text }: Plan, policies: PolicySet): CounterExample {
  const requests = use.requests(candidate, 0, ownOf(candidate)).map((request): DecidedRequest => {
    const decision = decideWritten(policies, request);
    return { ...request, by: 'this', decision: decision.kind, explanation: explainDecision(decision) };
  });
  const by =
    use.actions.includes('iot:Subscribe') && candidate.filters[0] !== candidate.name
      ? ` by the filter \`${candidate.filters[0]}\``
      : '';
  return { summary: `it may ${text.split(' ')[0]} \`${candidate.name}\`${by}`, requests };
}
