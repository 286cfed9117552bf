import type { PolicyBinding } from '../document.ts';
import type { Token } from '../template.ts';
import { namesIn } from './arena.ts';
import { CERTIFICATE_ID, CLIENT_ID, type Facts, isOfCertificate, known, THING_NAME } from './facts.ts';
import type { Problem } from './problem.ts';
import { isPossibleValue } from './ranges.ts';
import type { Trace } from './trace.ts';
import type { VariableState, World } from './worlds.ts';

/** Concrete requests to put to `decide`: a name, filters that cover it, and for each speaker what it is. */
export interface Candidate {
  readonly name: string;
  /** By part; for parts that read the name it is the name. */
  readonly filters: readonly string[];
  readonly facts: readonly Facts[];
  readonly binding: PolicyBinding;
  readonly worlds: readonly World[];
}

const PER_TRACE_MAX = 24;

/** The candidates that a trace gives: each text that was marked for a variable can be its value. */
export function candidatesOf(
  trace: Trace,
  {
    worlds,
    variables,
    problem,
  }: {
    readonly worlds: readonly World[];
    readonly variables: readonly ReadonlyMap<string, VariableState>[];
    readonly problem: Problem;
  },
): readonly Candidate[] {
  const { name, filters } = trace;
  const choices = worlds.map((world, speaker) =>
    factsOf(world, { states: variables[speaker]!, spans: trace.spans[speaker]!, speaker, name, problem }),
  );
  const [first = [], second] = choices;
  const combined: (readonly Facts[])[] =
    second === undefined
      ? first.map((one) => [one])
      : first.flatMap((left) => second.map((right) => [left, right]));
  return combined
    .filter((facts) => areDistinct(facts, problem.distinct ?? []))
    .slice(0, PER_TRACE_MAX)
    .map((facts) => ({ name, filters, facts, binding: problem.binding, worlds }));
}

interface Source {
  readonly states: ReadonlyMap<string, VariableState>;
  readonly spans: ReadonlyMap<string, readonly string[]>;
  readonly speaker: number;
  readonly name: string;
  readonly problem: Problem;
}

function factsOf(world: World, source: Source): readonly Facts[] {
  const nameOf = namesIn(world);
  let choices: readonly ReadonlyMap<string, readonly string[]>[] = [ownTexts(world, source)];
  for (const [name, state] of source.states) {
    if (state.kind === 'unresolved') continue;
    const values = valuesOf(nameOf(name), state, { ...source, world });
    choices = choices.flatMap((texts) => values.map((value) => with_(texts, nameOf(name), value, world)));
  }
  return choices.flatMap((texts) => completed(texts, world, source)).filter(isPossible);
}

function valuesOf(
  name: string,
  state: VariableState,
  at: Source & { readonly world: World },
): readonly string[] {
  if (state.kind === 'text') return [state.text];
  const marked = at.spans.get(name);
  if (marked !== undefined) return marked;
  const isOwnName =
    at.problem.type === 'client' &&
    at.problem.parts[0]?.kind === 'action' &&
    at.problem.parts[0].action === 'iot:Connect';
  if (isOwnName && name === namesIn(at.world)(CLIENT_ID)) return [at.name];
  const constrained =
    state.kind === 'open' && state.constraint !== undefined ? at.world.facts.texts.get(name) : undefined;
  return constrained?.map((text) => variant(text, at)) ?? [freshText(name, at.speaker)];
}

/** The world's texts; those that identify a speaker in a form of its own, where the conditions leave a choice. */
function ownTexts({ facts }: World, source: Source): ReadonlyMap<string, readonly string[]> {
  const identifying = [CLIENT_ID, ...(source.problem.distinct ?? [])];
  return new Map(
    [...facts.texts].map(([name, values]) => [
      name,
      identifying.includes(name) ? values.map((text) => variant(text, source)) : values,
    ]),
  );
}

/** Another text of the same class, for the second speaker. */
function variant(text: string, { speaker, problem }: Pick<Source, 'speaker' | 'problem'>): string {
  return [...text].map((char) => problem.symbols.shown(problem.symbols.symbolOf(char), speaker)).join('');
}

/** A value that no pattern is likely to be about. */
function freshText(name: string, speaker: number): string {
  if (name === CERTIFICATE_ID) return String(speaker).repeat(64);
  if (name === 'aws:SourceIp') return `192.0.2.${speaker + 1}`;
  if (name === THING_NAME) return `device-${speaker + 1}`;
  return name === CLIENT_ID ? `client-${speaker + 1}` : `value-${speaker + 1}`;
}

/** One more value, and that of the variables that are the same. */
function with_(texts: ReadonlyMap<string, readonly string[]>, name: string, value: string, world: World) {
  const more = new Map([...texts, [name, [value]]]);
  const { clientAlias } = world.facts;
  for (const other of [CLIENT_ID, ...(clientAlias === undefined ? [] : [clientAlias])])
    if (namesIn(world)(other) === name) more.set(other, [value]);
  return more;
}

/** What a request must have though no policy looks at it: with each client id by which it may connect. */
function completed(
  texts: ReadonlyMap<string, readonly string[]>,
  world: World,
  source: Source,
): readonly Facts[] {
  const { association } = world.facts;
  const { problem, name, speaker, states } = source;
  const all = new Map(texts);
  const hasCertificate = all.keys().some((key) => isOfCertificate(known(key)));
  if (hasCertificate && !all.has(CERTIFICATE_ID))
    all.set(CERTIFICATE_ID, [freshText(CERTIFICATE_ID, speaker)]);
  const isConnect =
    problem.type === 'client' &&
    problem.parts.some((part) => part.kind === 'action' && part.action === 'iot:Connect');
  const own = association === 'named' ? THING_NAME : CLIENT_ID;
  const isGiven = all.has(own) || states.has(CLIENT_ID);
  const chosen = isGiven ? (all.get(own) ?? []) : [isConnect ? name : freshText(own, speaker)];
  const others = source.spans.has(own)
    ? []
    : (problem.clientIds?.map((tokens) => instance(tokens, all)) ?? []);
  const ids: readonly (string | undefined)[] =
    chosen.length + others.length === 0 ? [undefined] : [...chosen, ...others];
  return ids.map((id) => {
    const more = new Map(all);
    if (id !== undefined) more.set(CLIENT_ID, [id]);
    if (association === 'named' && id !== undefined) more.set(THING_NAME, [id]);
    if (association === 'exclusive' && !more.has(THING_NAME))
      more.set(THING_NAME, [freshText(THING_NAME, speaker)]);
    return { ...world.facts, texts: more };
  });
}

/** A client id that the pattern allows. */
function instance(tokens: readonly Token[], texts: ReadonlyMap<string, readonly string[]>): string {
  return tokens
    .map((token) => {
      if (token.kind === 'text') return token.text;
      return token.kind === 'variable' ? (texts.get(token.variable.name)?.[0] ?? '') : 'x';
    })
    .join('');
}

function isPossible({ texts, association }: Facts): boolean {
  const isNamed = texts.get(CLIENT_ID)?.[0] === texts.get(THING_NAME)?.[0];
  if (association === 'exclusive' && isNamed) return false;
  return [...texts].every(([name, values]) => values.every((value) => isOf(name, value)));
}

function isOf(name: string, value: string): boolean {
  const variable = known(name);
  // A value that is not substituted is one that a request can have, not one that a platform gives out.
  return variable.kind === 'thingName' || variable.kind === 'certificateId'
    ? isPossibleValue(variable, value)
    : true;
}

function areDistinct([left, right]: readonly Facts[], names: readonly string[]): boolean {
  return names.every((name) => {
    const value = left?.texts.get(name)?.[0];
    return value === undefined || right === undefined || value !== right.texts.get(name)?.[0];
  });
}
