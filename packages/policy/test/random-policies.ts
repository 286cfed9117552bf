import fc from 'fast-check';
import { type AttachedPolicy, type PolicyAction, type PolicyRequest, parsePolicy } from '../src/index.ts';
import { isTopicFilter, isTopicName } from '../src/language/filters.ts';

const BINDING = { region: 'r', accountId: 'a' };
export const ACTIONS = ['iot:Connect', 'iot:Publish', 'iot:Receive', 'iot:Subscribe'] as const;
const VARIABLES = [
  'iot:ClientId',
  'iot:Connection.Thing.ThingName',
  'iot:Connection.Thing.Attributes[p]',
] as const;

// A small alphabet, so that everything can be asked: patterns and names meet often.
const char = fc.constantFrom('a', 'b', '/', '/');
const variable = fc.constantFrom(...VARIABLES).map((name) => `\${${name}}`);
const level = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'ab') },
  { weight: 2, arbitrary: variable },
  fc.constantFrom('*', '?', '+', '#', 'a*', '*b', '?b'),
);
/** Patterns in which a variable fills a level. */
const leveled = fc.array(level, { minLength: 1, maxLength: 3 }).map((levels) => levels.join('/'));
const piece = fc.oneof({ weight: 4, arbitrary: char }, fc.constantFrom('*', '?', '+', '#'), variable);
const tangled = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));

export function statements(pattern: 'leveled' | 'tangled', actions: readonly PolicyAction[] = ACTIONS) {
  const types = { 'iot:Connect': 'client', 'iot:Subscribe': 'topicfilter' } as Partial<
    Record<PolicyAction, string>
  >;
  const tail = pattern === 'leveled' ? leveled : fc.oneof(leveled, tangled);
  const resource = fc
    .tuple(fc.constantFrom(...actions), tail, fc.boolean())
    .map(
      ([action, text, isOpen]) =>
        `arn:aws:iot:r:a:${pattern === 'tangled' && isOpen && text.includes('*') ? 't*' : `${types[action] ?? 'topic'}/`}${text}`,
    );
  const condition: fc.Arbitrary<[string, string, string]> = fc.oneof(
    fc.tuple(
      fc.constantFrom('StringEquals', 'StringNotEquals', 'StringEqualsIfExists'),
      fc.constantFrom(...VARIABLES, 'iot:DomainName'),
      fc.constantFrom('a', 'b', '${iot:ClientId}'),
    ),
    fc.tuple(fc.constant('StringLike'), fc.constantFrom(...VARIABLES), fc.constantFrom('a*', '?')),
    fc.tuple(
      fc.constant('Bool'),
      fc.constant('iot:Connection.Thing.IsAttached'),
      fc.constantFrom('true', 'false'),
    ),
    fc.tuple(
      fc.constant('ForAnyValue:StringEquals'),
      fc.constant('iot:ConnectAttributes'),
      fc.constant('LastWill'),
    ),
  );
  const statement = fc
    .record({
      Effect: fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const),
      Action: fc.subarray([...actions], { minLength: 1 }),
      scope: fc.tuple(
        fc.constantFrom('Resource', 'Resource', 'Resource', 'NotResource'),
        fc.array(resource, { minLength: 1, maxLength: 2 }),
      ),
      conditions: fc.oneof(
        { weight: 3, arbitrary: fc.constant<[string, string, string][]>([]) },
        fc.array(condition, { maxLength: 1 }),
      ),
    })
    .map(({ Effect, Action, scope: [member, entries], conditions }) => ({
      Effect,
      Action,
      [member]: entries,
      Condition: Object.fromEntries(conditions.map(([operator, key, value]) => [operator, { [key]: value }])),
    }));
  return fc.array(statement, { minLength: 1, maxLength: 4 });
}

export function policyOf(Statement: readonly object[], name = 'p'): AttachedPolicy {
  const text = JSON.stringify({ Version: '2012-10-17', Statement });
  return { name, versionId: 1, via: 'certificate', document: parsePolicy(text, BINDING).document };
}

const NAMES = wordsUpTo(3, ['a', 'b', '/', '+', '#']);
const TEXTS = [undefined, 'a', 'b', 'ab', 'a/b', '+'];

function wordsUpTo(length: number, chars: readonly string[]): readonly string[] {
  let words: readonly string[] = [''];
  const all = [''];
  for (let at = 0; at < length; at++) {
    words = words.flatMap((word) => chars.map((one) => word + one));
    all.push(...words);
  }
  return all;
}

export function namesFor(action: PolicyAction): readonly string[] {
  if (action === 'iot:Connect') return NAMES.filter((name) => name !== '');
  return NAMES.filter(action === 'iot:Subscribe' ? isTopicFilter : isTopicName);
}

/** Patterns of names without variables. */
export const patterns = fc
  .array(fc.constantFrom('a', 'b', '/', '*', '?'), { maxLength: 3 })
  .map((chars) => chars.join(''));

export function matchesPattern(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su').test(name);
}

/** A set of statements near another one: most of it, a little wider here and there, and one of something else. */
export function relative(one: readonly object[], other: readonly object[], turn: number): readonly object[] {
  const kept = one.map((statement, index) =>
    (turn >> index) % 2 === 0
      ? statement
      : JSON.parse(JSON.stringify(statement).replace(/\/(a|b|\$\{[^}]*\})\b/, '/*')),
  );
  return [...kept, ...other.slice(0, turn % 4 === 1 ? 1 : 0)];
}

/** Contexts of all combinations of a few values. */
export function contexts(): readonly PolicyRequest['context'][] {
  return TEXTS.flatMap((clientId) =>
    [undefined, 'a', 'b', 'ab'].flatMap((thing) =>
      (thing === undefined ? [undefined] : [undefined, 'a', 'a/b']).flatMap((attribute) =>
        [undefined, 'a'].flatMap((domainName) =>
          [undefined, { persistent: false, willTopic: 'w' }].map((connect) => ({
            ...(clientId === undefined ? {} : { clientId }),
            ...(thing === undefined
              ? {}
              : {
                  thing: {
                    name: thing,
                    ...(attribute === undefined ? {} : { attributes: { p: attribute } }),
                  },
                }),
            ...(domainName === undefined ? {} : { domainName }),
            ...(connect === undefined ? {} : { connect }),
          })),
        ),
      ),
    ),
  );
}
