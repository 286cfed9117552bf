import { type ConditionOutcome, evaluateCondition } from '../conditions.ts';
import type { ConnectContext } from '../context.ts';
import type { Condition } from '../document.ts';
import { isSetValued, isTimeKey, type Variable } from '../variables.ts';
import { isTextual, type TextClass, textClasses } from './condition-texts.ts';
import { CERTIFICATE_ID, CLIENT_ID, contextOf, type Facts, THING_NAME } from './facts.ts';
import { pointsOf, secondsOf } from './points.ts';
import { isAlwaysPlain, mayContain } from './ranges.ts';
import type { VariableState, WorldMaker } from './worlds.ts';

/** One of the cases of an independent part of a request's context. */
export interface Case {
  readonly texts?: ReadonlyMap<string, readonly string[]>;
  readonly connect?: ConnectContext;
  readonly nowMs?: number;
  /** By the number of the condition. */
  readonly outcomes: ReadonlyMap<number, ConditionOutcome>;
  readonly variables?: ReadonlyMap<string, VariableState>;
  readonly assumed?: string;
  /** The key that this case lacks. */
  readonly isAbsent?: string;
}

/** Keys that have their value together. */
interface Part {
  readonly keys: readonly Variable[];
  /** Whose values they are. */
  readonly range: Variable;
  readonly presence: 'always' | 'perhaps' | 'never';
}

/** Of a set-valued key all subsets of so many classes of texts are looked at; of more, the conditions are assumed. */
const SET_CLASSES_MAX = 5;

/** The independent parts of the context that policies look at, each with cases that cover all of its values. */
export function dimensionsOf(maker: WorldMaker): readonly (readonly Case[])[] {
  const { conditions, keys } = maker;
  const free = new Set(conditions.keys().filter((number) => isFree(conditions[number]!, maker)));
  const about = (test: (key: Variable) => boolean) =>
    conditions
      .keys()
      .filter((number) => !free.has(number) && test(conditions[number]!.key))
      .toArray();
  const named = new Map(keys.map((key) => [key.name, key]));
  const parts = partsOf(keys, named, maker).map((part) =>
    keyCases(
      part,
      about(({ name }) => part.keys.some((key) => key.name === name)),
      maker,
    ),
  );
  return [
    ...parts,
    connectCases(about(isOfConnect), maker),
    timeCases(about(isTimeKey), maker),
    ...free.values().map((number) => freeCases(number, maker)),
  ].filter((cases) => cases.length > 0);
}

export function variablesOfCondition({ key, values }: Condition): readonly Variable[] {
  const tokens = values.flatMap((value) => {
    if (value.kind === 'text') return value.tokens;
    return value.kind === 'arn' ? value.parts.flat() : [];
  });
  return [key, ...tokens.flatMap((token) => (token.kind === 'variable' ? [token.variable] : []))];
}

function isOfConnect({ kind }: Variable): boolean {
  return kind === 'connectAttributes' || kind === 'lastWillTopic';
}

/** Which values belong together: a thing that is associated by name has its name as client id. */
function partsOf(
  keys: readonly Variable[],
  named: ReadonlyMap<string, Variable>,
  { association, connected }: WorldMaker,
): readonly Part[] {
  const client: Variable = named.get(CLIENT_ID) ?? { name: CLIENT_ID, kind: 'clientId' };
  const thing: Variable = named.get(THING_NAME) ?? { name: THING_NAME, kind: 'thingName' };
  const clientPresence = connected === true ? 'always' : 'perhaps';
  const identity: readonly Part[] =
    association === 'named'
      ? [{ keys: [thing, client], range: thing, presence: 'always' }]
      : [
          { keys: [client], range: client, presence: clientPresence },
          { keys: [thing], range: thing, presence: association === 'none' ? 'never' : 'always' },
        ];
  const others = keys
    .filter(({ name, kind }) => name !== CLIENT_ID && name !== THING_NAME && kind !== 'availableKeys')
    .filter((key) => !isOfConnect(key) && !isTimeKey(key))
    // Without a certificate nothing of one is known: that comes first.
    .sort((a, b) => Number(b.name === CERTIFICATE_ID) - Number(a.name === CERTIFICATE_ID))
    .map((key): Part => ({ keys: [key], range: key, presence: presenceOf(key, association) }));
  return [...identity, ...others];
}

function presenceOf({ kind }: Variable, association: WorldMaker['association']): Part['presence'] {
  if (kind === 'misspelt') return 'never';
  const isOfThing = kind === 'thingTypeName' || kind === 'thingAttribute';
  return isOfThing && association === 'none' ? 'never' : 'perhaps';
}

/** Conditions that are not decided by the text of their key alone, or in a way that automata do not follow. */
function isFree(condition: Condition, { conditions, keys, inResources }: WorldMaker): boolean {
  const { key } = condition;
  if (isOfConnect(key) && condition.operator.comparison === 'equalsIgnoreCase') return !isTextual(condition);
  if (isTimeKey(key) || isOfConnect(key)) return isRelational(condition);
  if (key.kind === 'availableKeys' || isRelational(condition)) return true;
  if (isSetValued(key)) return keys.some((other) => isSibling(key, other));
  if (isTextual(condition)) return false;
  const hasTexts = conditions.some(
    (other) => other.key.name === key.name && isTextual(other) && other.operator.comparison !== 'null',
  );
  return (
    condition.operator.comparison === 'arn' ||
    hasTexts ||
    inResources.has(key.name) ||
    isMixed(condition, conditions)
  );
}

function isRelational(condition: Condition): boolean {
  return variablesOfCondition(condition).length > 1;
}

/** Another reading of the same values: `.List` has the bare name's value too. */
function isSibling(key: Variable, other: Variable): boolean {
  if (key.kind !== 'certificateName' || other.kind !== 'certificateName' || key.name === other.name)
    return false;
  return key.party === other.party && key.attribute.name === other.attribute.name;
}

/** Numbers, dates and addresses on one key: no one list of values is on all sides of all of them. */
function isMixed(condition: Condition, conditions: readonly Condition[]): boolean {
  const kinds = conditions
    .filter(({ key, operator }) => key.name === condition.key.name && operator.comparison !== 'null')
    .flatMap(({ values }) => values.map(({ kind }) => kind));
  return new Set(kinds).size > 1;
}

function keyCases(part: Part, numbers: readonly number[], maker: WorldMaker): readonly Case[] {
  const cases: Case[] = [];
  if (part.range.kind === 'isAttached') return [attachedCase(part, numbers, maker)];
  if (part.presence !== 'always') {
    const variables = statesOf(part, { kind: 'unresolved' }, maker);
    cases.push({
      outcomes: outcomesOf(numbers, { texts: new Map() }, maker),
      variables,
      isAbsent: part.range.name,
    });
  }
  if (part.presence === 'never') return cases;
  return [...cases, ...presentCases(part, numbers, maker)];
}

function attachedCase(part: Part, numbers: readonly number[], maker: WorldMaker): Case {
  const text = String(maker.association !== 'none');
  const outcomes = outcomesOf(numbers, { texts: new Map() }, maker);
  return { outcomes, variables: statesOf(part, { kind: 'text', text }, maker) };
}

function presentCases(part: Part, numbers: readonly number[], maker: WorldMaker): readonly Case[] {
  const { range } = part;
  const conditions = numbers.map((number) => maker.conditions[number]!);
  const { machine, classes } = textClasses(conditions.filter(isTextual), {
    ...maker,
    mayContain: (traits) => mayContain(range, traits),
    isCertificateId: range.kind === 'certificateId',
  });
  const possible = classes.filter((one) => isPossible(one, range));
  if (isSetValued(range)) return setCases(part, numbers, { maker, classes: possible });
  const hasTexts = machine.patternCount > 0;
  const points = conditions.every(isTextual) ? [] : pointsOf(conditions);
  return [
    ...possible.map(({ vector, text, isPlain }) => {
      const constraint = hasTexts ? { constraint: { machine, vector, about: 'conditions' } } : {};
      const isResolved = isPlain && text !== '';
      const state: VariableState = isResolved ? { kind: 'open', ...constraint } : { kind: 'unresolved' };
      return textCase(part, [text], { numbers, maker, state });
    }),
    ...points
      .filter((text) => range.kind !== 'sourceIp' || text !== 'x')
      .map((text) => textCase(part, [text], { numbers, maker, state: { kind: 'open' } })),
  ];
}

function isPossible({ text, isPlain }: TextClass, range: Variable): boolean {
  if (isAlwaysPlain(range) && (!isPlain || text === '')) return false;
  return range.kind !== 'certificateId' || [...text].length === 64;
}

function setCases(
  part: Part,
  numbers: readonly number[],
  { maker, classes }: { readonly maker: WorldMaker; readonly classes: readonly TextClass[] },
): readonly Case[] {
  if (classes.length > SET_CLASSES_MAX) return freeTogether(numbers, maker);
  const texts = classes.map(({ text }) => text);
  const subsets = Array.from({ length: (1 << texts.length) - 1 }, (_, index) =>
    texts.filter((_text, bit) => ((index + 1) >> bit) & 1),
  );
  return subsets.map((subset) => textCase(part, subset, { numbers, maker, state: { kind: 'unresolved' } }));
}

function textCase(
  part: Part,
  values: readonly string[],
  {
    numbers,
    maker,
    state,
  }: { readonly numbers: readonly number[]; readonly maker: WorldMaker; readonly state: VariableState },
): Case {
  const texts = new Map(part.keys.map(({ name }) => [name, values]));
  return { texts, outcomes: outcomesOf(numbers, { texts }, maker), variables: statesOf(part, state, maker) };
}

function statesOf(
  part: Part,
  state: VariableState,
  { inResources }: WorldMaker,
): ReadonlyMap<string, VariableState> {
  const names = part.keys.map(({ name }) => name).filter((name) => inResources.has(name));
  return new Map(names.map((name) => [name, state]));
}

/** What the conditions say of a request with these facts and no others. */
function outcomesOf(
  numbers: readonly number[],
  facts: Omit<Facts, 'association'>,
  { conditions, binding, association }: WorldMaker,
): ReadonlyMap<number, ConditionOutcome> {
  const context = contextOf({ association, ...facts });
  return new Map(
    numbers.map((number) => [
      number,
      evaluateCondition(conditions[number]!, { context, binding, nowMs: facts.nowMs }),
    ]),
  );
}

function connectCases(numbers: readonly number[], maker: WorldMaker): readonly Case[] {
  if (numbers.length === 0) return [];
  const wills = numbers
    .map((number) => maker.conditions[number]!)
    .filter(({ key }) => key.kind === 'lastWillTopic');
  const { classes } = textClasses(wills, { ...maker, mayContain: () => true, isCertificateId: false });
  const topics = [
    undefined,
    ...classes.map(({ text }) => text).filter((text) => !/[+#]/.test(text) && text !== ''),
  ];
  const connects = [false, true].flatMap((persistent) =>
    topics.map(
      (willTopic): ConnectContext => ({ persistent, ...(willTopic === undefined ? {} : { willTopic }) }),
    ),
  );
  const none: Case = { outcomes: outcomesOf(numbers, { texts: new Map() }, maker) };
  return [
    ...(maker.connected === true ? [] : [none]),
    ...connects.map((connect) => ({
      connect,
      outcomes: outcomesOf(numbers, { texts: new Map(), connect }, maker),
    })),
  ];
}

function timeCases(numbers: readonly number[], maker: WorldMaker): readonly Case[] {
  if (numbers.length === 0) return [];
  const seconds = secondsOf(numbers.map((number) => maker.conditions[number]!));
  const none: Case = { outcomes: outcomesOf(numbers, { texts: new Map() }, maker) };
  return [
    none,
    ...seconds.map((at) => {
      const nowMs = at * 1000;
      return { nowMs, outcomes: outcomesOf(numbers, { texts: new Map(), nowMs }, maker) };
    }),
  ];
}

const OUTCOMES = ['satisfied', 'failed', 'unresolved'] as const;

/** Each outcome a condition can have, as far as is known without the values it compares. */
function freeCases(number: number, maker: WorldMaker): readonly Case[] {
  const condition = maker.conditions[number]!;
  const settled = identityOutcomes(condition, maker);
  if (settled !== undefined) return settled.map((outcome) => ({ outcomes: new Map([[number, outcome]]) }));
  const assumed = `\`${condition.operator.name}\` on \`${condition.key.name}\``;
  return OUTCOMES.map((outcome) => ({ outcomes: new Map([[number, outcome]]), assumed }));
}

function freeTogether(numbers: readonly number[], maker: WorldMaker): readonly Case[] {
  let cases: readonly Case[] = [{ outcomes: new Map() }];
  for (const number of numbers) {
    cases = cases.flatMap((left) =>
      freeCases(number, maker).map((right) => ({
        ...right,
        outcomes: new Map([...left.outcomes, ...right.outcomes]),
      })),
    );
    maker.budget.spend(cases.length);
  }
  return cases;
}

/** Whether client id and thing name are the same is what the association says. */
function identityOutcomes(
  condition: Condition,
  { association }: WorldMaker,
): readonly ConditionOutcome[] | undefined {
  const { operator, values, key } = condition;
  const [value] = values;
  if (values.length !== 1 || value?.kind !== 'text' || value.tokens.length !== 1) return undefined;
  if (operator.comparison !== 'equals' && operator.comparison !== 'like') return undefined;
  const names = [...variablesOfCondition(condition)].map(({ name }) => name).sort();
  if (names.join() !== [CLIENT_ID, THING_NAME].sort().join()) return undefined;
  if (association === 'named') return [operator.negated ? 'failed' : 'satisfied'];
  // Under another client id than the thing's name; or without a client id that can be compared.
  if (association === 'exclusive') return [operator.negated ? 'satisfied' : 'failed', 'unresolved'];
  return key.name === THING_NAME && operator.ifExists
    ? ['satisfied']
    : ['unresolved', ...(operator.ifExists ? (['satisfied'] as const) : [])];
}
