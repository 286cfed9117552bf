import type { Condition, ConditionValue, PolicyBinding } from '../document.ts';
import type { StateBudget } from '../language/budget.ts';
import { Machine } from '../language/machine.ts';
import { afterPrefixTokens, ignoringCase, type Pattern, patternOf } from '../language/pattern.ts';
import type { Symbols } from '../language/symbols.ts';
import type { Token } from '../template.ts';

/** The texts that a key can have, told apart by the conditions on it. */
export interface TextClasses {
  readonly machine: Machine;
  /** A shortest text of each class, by which patterns it matches; `plain` only of characters that are substituted. */
  readonly classes: readonly TextClass[];
}

export interface TextClass {
  readonly vector: string;
  readonly text: string;
  readonly isPlain: boolean;
}

const CERTIFICATE_ID_CHARS = 64;

/** Whether the condition compares texts with texts that are written out, so that automata decide it. */
export function isTextual({ operator, values }: Condition): boolean {
  if (!['equals', 'like', 'equalsIgnoreCase'].includes(operator.comparison))
    return operator.comparison === 'null';
  return values.every((value) => {
    if (value.kind !== 'text' || value.tokens.some(({ kind }) => kind === 'variable')) return false;
    // Beyond ASCII, lower case depends on what stands around a character.
    return operator.comparison !== 'equalsIgnoreCase' || /^\p{ASCII}*$/u.test(value.source);
  });
}

/** The classes of texts that these conditions tell apart. `mayContain` is about the traits of one character. */
export function textClasses(
  conditions: readonly Condition[],
  by: {
    readonly symbols: Symbols;
    readonly binding: PolicyBinding;
    readonly budget: StateBudget;
    readonly mayContain: (traits: number) => boolean;
    readonly isCertificateId: boolean;
  },
): TextClasses {
  const patterns = conditions.flatMap((condition) =>
    condition.values.flatMap((value) => patternsOfValue(value, condition, by)),
  );
  if (by.isCertificateId)
    patterns.push(new Array<Pattern[number]>(CERTIFICATE_ID_CHARS).fill({ kind: 'one' }));
  const machine = new Machine(patterns, by.budget);
  return { machine, classes: explore(machine, by) };
}

/** The vector says which patterns of the machine a text matches. */
function vectorOf(machine: Machine, state: number): string {
  return machine.accepted(state).join('');
}

function patternsOfValue(
  value: ConditionValue,
  { operator, key }: Condition,
  { symbols, binding }: { readonly symbols: Symbols; readonly binding: PolicyBinding },
): readonly Pattern[] {
  const tail = (tokens: readonly Token[], prefix: string) =>
    afterPrefixTokens(tokens, prefix).exact.map((rest) => patternOf(rest, symbols));
  if (value.kind === 'arn') return tail(value.parts.at(-1) ?? [], 'topic/');
  if (value.kind !== 'text') return [];
  if (operator.comparison === 'equalsIgnoreCase') return [ignoringCase(value.source, symbols)];
  if (key.kind !== 'lastWillTopic' || !value.source.startsWith('arn:'))
    return [patternOf(value.tokens, symbols)];
  // A last-will topic is compared as an ARN then.
  return tail(value.tokens, `arn:aws:iot:${binding.region}:${binding.accountId}:topic/`);
}

function explore(
  machine: Machine,
  { symbols, mayContain }: { readonly symbols: Symbols; readonly mayContain: (traits: number) => boolean },
): readonly TextClass[] {
  const found = new Map<string, TextClass>();
  const seen = new Set<string>();
  let layer: readonly { readonly state: number; readonly text: string; readonly isPlain: boolean }[] = [
    { state: machine.start, text: '', isPlain: true },
  ];
  while (layer.length > 0) {
    const next: { state: number; text: string; isPlain: boolean }[] = [];
    for (const { state, text, isPlain } of layer) {
      const vector = vectorOf(machine, state);
      if (!found.has(`${isPlain} ${vector}`) && (text !== '' || !isPlain)) {
        found.set(`${isPlain} ${vector}`, { vector, text, isPlain });
      }
      for (const symbol of distinctSymbols(symbols, machine.literals(state))) {
        const plain = isPlain && mayContain(symbols.traitsOf(symbol));
        const to = machine.step(state, symbol);
        if (seen.has(`${to} ${plain}`)) continue;
        seen.add(`${to} ${plain}`);
        next.push({ state: to, text: text + symbols.shown(symbol), isPlain: plain });
      }
    }
    layer = next;
  }
  return [...found.values()];
}

/** The literal classes, and of all others one for each group of traits: the rest behaves as these do. */
export function distinctSymbols(symbols: Symbols, literals: ReadonlySet<number>): readonly number[] {
  const rest = symbols.groups.flatMap((group) => group.find((symbol) => !literals.has(symbol)) ?? []);
  return [...literals, ...rest].filter((symbol) => symbol >= 0);
}
