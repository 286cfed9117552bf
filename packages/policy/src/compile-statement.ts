import type { ResourceType } from './actions.ts';
import { type ConditionOutcome, evaluateCondition } from './conditions.ts';
import type { PrincipalContext } from './context.ts';
import type { Condition, PolicyBinding, PolicyDocument, PolicyStatement, ResourceEntry } from './document.ts';
import { PolicyError } from './errors.ts';
import { Glob, type GlobPart } from './glob.ts';
import { afterPrefix } from './glob-remainder.ts';
import type { StatementRef } from './statement-ref.ts';
import { shownPattern, substitute } from './substitute.ts';
import { isTimeKey } from './variables.ts';

/** A document with where it comes from. */
export interface AttachedPolicy {
  readonly name: string;
  readonly versionId: number;
  readonly document: PolicyDocument;
  readonly via: 'certificate' | 'group';
}

/** A statement for one principal: variables substituted, everything that cannot change decided. */
export interface CompiledStatement {
  readonly ref: StatementRef;
  readonly statement: PolicyStatement;
  readonly binding: PolicyBinding;
  readonly scope: PolicyStatement['scope']['kind'];
  readonly entries: readonly CompiledEntry[];
  /** `never`: no request of this principal can match; the reason is found when somebody asks. */
  readonly reach: 'open' | 'never';
  /** Conditions on time, decided with each request. */
  readonly timeConditions: readonly Condition[];
}

export interface CompiledEntry {
  readonly entry: ResourceEntry;
  /** `type/name` with the resolved variables in place, for people. */
  readonly text: string;
  readonly unresolved: readonly string[];
  /** Patterns for the name, for a resource of that type. */
  globsFor(type: ResourceType): readonly Glob[];
}

/** Compiles the statements of one policy; a group's Allows need an associated thing (AWS IoT, thing groups). */
export function compilePolicy(
  policy: AttachedPolicy,
  context: PrincipalContext,
): readonly CompiledStatement[] {
  const binding = bindingOf(policy, context);
  const isWithoutAllows = policy.via === 'group' && context.thing === undefined;
  return policy.document.statements
    .filter(({ effect }) => effect === 'Deny' || !isWithoutAllows)
    .map((statement) => compileStatement(statement, { policy, context, binding }));
}

function bindingOf({ name, document }: AttachedPolicy, context: PrincipalContext): PolicyBinding {
  const binding = document.binding === 'unbound' ? context.binding : document.binding;
  if (binding !== undefined) return binding;
  throw new PolicyError(
    'policy.unbound',
    `policy \`${name}\` was parsed without a platform; give the request's region and account`,
  );
}

interface CompileContext {
  readonly policy: AttachedPolicy;
  readonly context: PrincipalContext;
  readonly binding: PolicyBinding;
}

function compileStatement(statement: PolicyStatement, at: CompileContext): CompiledStatement {
  const { effect, scope } = statement;
  const entries = scope.entries
    .filter((entry) => isHere(entry, at.binding))
    .map((entry) => compileEntry(entry, at.context));
  const isUnresolved = entries.some(({ unresolved }) => unresolved.length > 0);
  const isOpen = conditionsMayHold(statement, at) && !(effect === 'Allow' && isUnresolved);
  return {
    ref: statementRef(statement, at.policy),
    statement,
    binding: at.binding,
    scope: scope.kind,
    // An unresolved exception of a Deny excludes nothing; an unresolved resource of a Deny stands for `*`.
    entries: scope.kind === 'except' ? entries.filter(({ unresolved }) => unresolved.length === 0) : entries,
    reach: isOpen ? 'open' : 'never',
    timeConditions: statement.conditions.filter(({ key }) => isTimeKey(key)),
  };
}

/** An entry of another region or account says nothing about this platform's resources. */
function isHere({ region, accountId }: ResourceEntry, binding: PolicyBinding): boolean {
  return (
    (region === '*' || region === binding.region) && (accountId === '*' || accountId === binding.accountId)
  );
}

function compileEntry(entry: ResourceEntry, context: PrincipalContext): CompiledEntry {
  const substitution = substitute(entry.tail, context);
  const { parts } = substitution;
  const globs = new Map<ResourceType, readonly Glob[]>();
  return {
    entry,
    text: shownPattern(entry.tail, context),
    unresolved: substitution.kind === 'unresolved' ? substitution.names : [],
    globsFor: (type) => {
      const known = globs.get(type) ?? globsAfter(parts, type);
      globs.set(type, known);
      return known;
    },
  };
}

function globsAfter(parts: readonly GlobPart[], type: ResourceType): readonly Glob[] {
  return afterPrefix(parts, type === 'none' ? '' : `${type}/`).map((rest) => new Glob(rest));
}

function conditionsMayHold(statement: PolicyStatement, { context, binding }: CompileContext): boolean {
  return statement.conditions.every(
    (condition) =>
      isTimeKey(condition.key) || holds(statement.effect, evaluateCondition(condition, { context, binding })),
  );
}

/** What is unresolved fails closed: it never completes an Allow and never takes a Deny away. */
export function holds(effect: 'Allow' | 'Deny', outcome: ConditionOutcome): boolean {
  return outcome === 'satisfied' || (outcome === 'unresolved' && effect === 'Deny');
}

function statementRef(
  { index, sid, effect }: PolicyStatement,
  { name, versionId, via }: AttachedPolicy,
): StatementRef {
  return { policyName: name, versionId, index, ...(sid === undefined ? {} : { sid }), effect, via };
}
