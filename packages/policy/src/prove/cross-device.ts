import type { PolicyAction } from '../actions.ts';
import type { PolicyBinding } from '../document.ts';
import { PolicyError } from '../errors.ts';
import { explainDecision } from '../explain.ts';
import { Glob, type GlobPart } from '../glob.ts';
import { afterPrefixTokens } from '../language/pattern.ts';
import { parseTemplate, type Token } from '../template.ts';
import { parseVariable } from '../variables.ts';
import type { Candidate } from './candidates.ts';
import { clausesAbout, clausesOf, type PolicySet } from './clauses.ts';
import { clientIdPatterns, connectedWorlds, mayConnectAtAll } from './connections.ts';
import { CERTIFICATE_ID, CLIENT_ID, THING_NAME } from './facts.ts';
import { notesOn } from './notes.ts';
import type { Goal, Part, Verdict } from './problem.ts';
import {
  type CounterExample,
  type DecidedRequest,
  type Proof,
  type ProofOptions,
  reasonOf,
} from './proof.ts';
import { decideWritten, type WrittenRequest, writeRequest } from './requests.ts';
import { solve } from './solve.ts';
import { type Space, spaceOf, widestWorlds, worldsFor } from './space.ts';
import { actingOn, RECEIVING } from './uses.ts';

export interface CrossDeviceOptions extends ProofOptions {
  /** Topics that devices share on purpose, with `*` and `?`: `broadcast/*`. */
  readonly shared?: readonly string[];
  /** Variables of which no two devices have the same value, beside the thing's name and the certificate's id. */
  readonly unique?: readonly string[];
  /** Takes it that no certificate is attached to a thing exclusively. */
  readonly withoutExclusive?: boolean;
}

const USES = { publish: actingOn(['iot:Publish']), receive: RECEIVING } as const;

type UseName = keyof typeof USES;

/** What the two devices do with one topic; the other way round is the same, for either can be either. */
const PAIRS: readonly (readonly [UseName, UseName])[] = [
  ['publish', 'receive'],
  ['publish', 'publish'],
  ['receive', 'receive'],
];

/**
 * Whether two different devices with these policies can never meet on a topic: what one may publish the other may not receive,
 * and no topic is published, or received, by both. A topic that the policies write out in full is the same for every device
 * on purpose: that both publish it, or both receive it, is no meeting.
 */
export function proveNoCrossDevice(policies: PolicySet, options: CrossDeviceOptions = {}): Proof {
  const shared = (options.shared ?? []).map(readTopicPattern);
  const unique = (options.unique ?? []).map(readVariable);
  const space = spaceOf(
    [policies],
    shared.flat().map((token) => (token.kind === 'text' ? token.text : '')),
    options,
  );
  const property = 'no two devices meet on a topic';
  let open: 'too large' | 'not regular' | undefined;
  for (const binding of space.bindings) {
    for (const pair of PAIRS) {
      const question = { pair, binding, shared: [...shared, ...commonTopics(space, pair)], unique, options };
      const verdict = meeting(space, question);
      if (verdict.kind === 'found') {
        const counterExample = exampleOf(verdict.candidate, space, pair);
        return answer(space, options, {
          property,
          verdict: 'no',
          summary: counterExample.summary,
          counterExample,
        });
      }
      if (verdict.kind === 'open') open ??= verdict.reason;
    }
  }
  if (open !== undefined)
    return answer(space, options, {
      property,
      verdict: 'undecided',
      summary: reasonOf(open, space.budget.statesMax),
    });
  const summary = 'whatever one device may publish or receive, no other device may';
  return answer(space, options, { property, verdict: 'yes', summary });
}

function answer(
  space: Space,
  options: CrossDeviceOptions,
  proof: Omit<Proof, 'assumptions' | 'states'>,
): Proof {
  const common = PAIRS.slice(1).flatMap((pair) => commonTopics(space, pair));
  const texts = [...new Set(common.map(([token]) => (token?.kind === 'text' ? token.text : '')))].slice(
    0,
    10,
  );
  const assumptions = [
    ...(texts.length === 0
      ? []
      : [
          `topics written out in full are shared on purpose: ${texts.map((text) => `\`${text}\``).join(', ')}`,
        ]),
    ...(options.shared?.length
      ? [`shared as you say: ${options.shared.map((text) => `\`${text}\``).join(', ')}`]
      : []),
    ...(options.unique?.length
      ? [`no two devices have the same ${options.unique.map((name) => `\`${name}\``).join(', ')}`]
      : []),
    ...(options.withoutExclusive === true ? ['no certificate is attached exclusively'] : []),
    ...(mayConnectAtAll(space)
      ? []
      : ['no statement allows `iot:Connect`: any client id is taken to be possible']),
    ...notesOn(space),
  ];
  return { ...proof, assumptions, states: space.budget.used };
}

function readTopicPattern(text: string): readonly Token[] {
  const parsed = parseTemplate(text.replace(/^topic\//, ''), { wildcards: true });
  if (parsed.kind === 'template' && parsed.tokens.every(({ kind }) => kind !== 'variable'))
    return parsed.tokens;
  throw new PolicyError(
    'policy.request',
    `\`${text.slice(0, 96)}\` is no pattern of topics; expected one such as \`broadcast/*\``,
  );
}

function readVariable(name: string): string {
  if (parseVariable(name) !== undefined) return name;
  throw new PolicyError(
    'policy.request',
    `\`${name.slice(0, 96)}\` is no variable; expected one such as \`iot:Certificate.Subject.CommonName\``,
  );
}

/** Topics that an Allow writes out in full, where both devices do the same with them. */
function commonTopics(
  { clauses }: Space,
  [left, right]: readonly [UseName, UseName],
): readonly (readonly Token[])[] {
  if (left !== right) return [];
  const actions: readonly PolicyAction[] =
    left === 'publish' ? ['iot:Publish'] : ['iot:Receive', 'iot:Subscribe'];
  return actions.flatMap((action) =>
    clausesAbout(clauses, action)
      .filter(({ isAllow, statement }) => isAllow && statement.scope.kind === 'only')
      .flatMap(({ statement }) => statement.scope.entries)
      .flatMap(
        ({ tail }) => afterPrefixTokens(tail, action === 'iot:Subscribe' ? 'topicfilter/' : 'topic/').exact,
      )
      .filter(([token, ...more]) => token?.kind === 'text' && more.length === 0 && !/[+#]/.test(token.text)),
  );
}

interface Question {
  readonly pair: readonly [UseName, UseName];
  readonly binding: PolicyBinding;
  readonly shared: readonly (readonly Token[])[];
  readonly unique: readonly string[];
  readonly options: CrossDeviceOptions;
}

const ACTIONS = ['iot:Connect', 'iot:Publish', 'iot:Subscribe', 'iot:Receive'] as const;

function meeting(space: Space, { pair, binding, shared, unique, options }: Question): Verdict {
  const parts: readonly Part[] = [
    ...partsOf(pair),
    { kind: 'patterns', patterns: shared, isRequired: false },
  ];
  const worlds = () => {
    const all = worldsFor(space, ACTIONS, {
      binding,
      connected: true,
      withoutExclusive: options.withoutExclusive === true,
    });
    const connected = widestWorlds(connectedWorlds(all, space, binding), space);
    return [connected, connected];
  };
  const [verdict] = solve({
    ...space,
    binding,
    parts,
    type: 'topic',
    speakers: worlds,
    clientIds: clientIdPatterns(space),
    distinct: [THING_NAME, CERTIFICATE_ID, ...unique],
    goals: [goalOf(space, { pair, shared })],
  });
  return verdict!;
}

/** Where the parts of the second device begin. */
function secondOf([left]: Question['pair']): number {
  return USES[left].parts(0, 0).length;
}

function partsOf(pair: Question['pair']): readonly Part[] {
  const [left, right] = pair;
  return [...USES[left].parts(0, 0), ...USES[right].parts(1, secondOf(pair))];
}

function goalOf(
  { sets }: Space,
  { pair, shared }: { readonly pair: Question['pair']; readonly shared: Question['shared'] },
): Goal {
  const policies = sets[0]!;
  const firsts = [0, secondOf(pair)];
  const globs = shared.map(
    (tokens) => new Glob(tokens.filter((token): token is GlobPart => token.kind !== 'variable')),
  );
  return {
    mayBe: (view) =>
      !view.accepted(view.parts - 1).includes(1) &&
      pair.every((use, speaker) => {
        const { alive } = view.worlds[speaker]!;
        return USES[use].mayDo(view, firsts[speaker]!, { set: 0, alive });
      }),
    isIt: (candidate) => {
      if (globs.some((glob) => glob.matches(candidate.name))) return false;
      return pair.every((use, speaker) => {
        const own = { facts: candidate.facts[speaker]!, binding: candidate.binding };
        const connects = connectRequest(own, policies).every(
          (request) => decideWritten(policies, request).kind === 'allow',
        );
        return connects && USES[use].does(policies, candidate, { first: firsts[speaker]!, own });
      });
    },
  };
}

interface Own {
  readonly facts: Candidate['facts'][number];
  readonly binding: PolicyBinding;
}

/** The connection that comes first; none where another policy decides about it. */
function connectRequest({ facts, binding }: Own, policies: PolicySet): readonly WrittenRequest[] {
  if (!mayConnectAtAll({ clauses: clausesOf([policies]) })) return [];
  return [writeRequest('iot:Connect', facts.texts.get(CLIENT_ID)?.[0] ?? '', { facts, binding })];
}

interface Asked {
  readonly by: string;
  readonly request: WrittenRequest;
}

/** Everything both devices ask for: to connect, and what they do with the topic. */
function requestsOf(candidate: Candidate, { sets }: Space, pair: Question['pair']): readonly Asked[] {
  const firsts = [0, secondOf(pair)];
  return pair.flatMap((use, speaker): readonly Asked[] => {
    const own = { facts: candidate.facts[speaker]!, binding: candidate.binding };
    const by = deviceName(speaker, own.facts);
    const requests = [
      ...connectRequest(own, sets[0]!),
      ...USES[use].requests(candidate, firsts[speaker]!, own),
    ];
    return requests.map((request) => ({ by, request }));
  });
}

function deviceName(speaker: number, { association, texts }: Candidate['facts'][number]): string {
  const letter = speaker === 0 ? 'A' : 'B';
  const clientId = texts.get(CLIENT_ID)?.[0];
  if (association === 'none')
    return `device ${letter} (client id \`${clientId}\`, not associated with a thing)`;
  const exclusive = association === 'exclusive' ? `, exclusively, client id \`${clientId}\`` : '';
  return `device ${letter} (thing \`${texts.get(THING_NAME)?.[0]}\`${exclusive})`;
}

function exampleOf(candidate: Candidate, space: Space, pair: Question['pair']): CounterExample {
  const asked = requestsOf(candidate, space, pair);
  const requests = asked.map(({ by, request }): DecidedRequest => {
    const decision = decideWritten(space.sets[0]!, request);
    return { ...request, by, decision: decision.kind, explanation: explainDecision(decision) };
  });
  const [left, right] = candidate.facts.map((facts, speaker) => deviceName(speaker, facts));
  return {
    summary: `${left} may ${pair[0]} \`${candidate.name}\`, and ${right} may ${pair[1]} it`,
    requests,
  };
}
