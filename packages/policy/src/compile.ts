import { ActionRights, type PrincipalPolicy } from './action-rights.ts';
import { type PolicyAction, resourceTypeOf } from './actions.ts';
import type { AttachedPolicy } from './attached-policy.ts';
import { COMPATIBILITY, type Compatibility } from './compatibility.ts';
import type { PrincipalContext } from './context.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import type { PolicyBinding } from './document.ts';
import { type DocumentIndex, indexOf } from './document-index.ts';
import { PolicyError } from './errors.ts';

/** The policies of one connection, ready to answer. */
export interface CompiledPrincipal {
  /**
   * Whether the action on that resource is allowed. `name` is what follows `topic/`, `topicfilter/`, `client/` or
   * `thing/`. Without `nowMs` (milliseconds since 1970) conditions on time are unresolved, which denies.
   */
  allows(action: PolicyAction, name: string, nowMs?: number): boolean;
  /** Whether a statement denies it explicitly: for callers that ask about one thing under two names. */
  denies(action: PolicyAction, name: string, nowMs?: number): boolean;
  /** The same answer as `allows`, with its reasons. */
  decide(action: PolicyAction, name: string, nowMs?: number): Decision;
  /** Whether any answer can change with the time alone; when not, `nowMs` need not be given and answers may be kept. */
  readonly dependsOnTime: boolean;
}

/**
 * Compiles the policies in force for a principal: the default versions attached to its certificate and to its thing's
 * groups. Of groups attached while `context.thing` is absent only the Deny statements count. The documents' indexes are
 * shared with all other principals; what depends on this one is worked out as it is asked. The context must not change.
 */
export function compilePrincipal(
  policies: readonly AttachedPolicy[],
  context: PrincipalContext,
  compatibility: Compatibility = COMPATIBILITY,
): CompiledPrincipal {
  const parts = policies.map((policy): Part => {
    const index = indexOf(policy.document, compatibility);
    return { of: { policy, context, binding: bindingOf(policy, context) }, index };
  });
  return new Principal(parts);
}

interface Part {
  readonly of: PrincipalPolicy;
  readonly index: DocumentIndex;
}

/** What the policies say about one action. */
interface RightsTo {
  /** The action has no single resource: no name is matched. */
  readonly isNameless: boolean;
  readonly policies: readonly ActionRights[];
  /** Of them, those with a Deny about it, and those with an Allow. */
  readonly denying: readonly ActionRights[];
  readonly allowing: readonly ActionRights[];
}

class Principal implements CompiledPrincipal {
  readonly #parts: readonly Part[];
  readonly #rights = new Map<PolicyAction, RightsTo>();
  #lastAction: PolicyAction | undefined;
  #lastRights: RightsTo | undefined;

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  get dependsOnTime(): boolean {
    return this.#parts.some(({ index }) => index.dependsOnTime);
  }

  allows(action: PolicyAction, name: string, nowMs?: number): boolean {
    const { isNameless, denying, allowing } = this.#rightsTo(action);
    const matched = isNameless ? '' : name;
    for (let at = 0; at < denying.length; at++) if (denying[at]!.denies(matched, nowMs)) return false;
    for (let at = 0; at < allowing.length; at++) if (allowing[at]!.allows(matched, nowMs)) return true;
    return false;
  }

  denies(action: PolicyAction, name: string, nowMs?: number): boolean {
    const { isNameless, denying } = this.#rightsTo(action);
    return denying.some((rights) => rights.denies(isNameless ? '' : name, nowMs));
  }

  decide(action: PolicyAction, name: string, nowMs?: number): Decision {
    return decide({ action, name, nowMs }, this.#rightsTo(action).policies);
  }

  /** Devices mostly do the same as just before. */
  #rightsTo(action: PolicyAction): RightsTo {
    if (action === this.#lastAction) return this.#lastRights!;
    this.#lastAction = action;
    this.#lastRights = this.#knownRightsTo(action);
    return this.#lastRights;
  }

  #knownRightsTo(action: PolicyAction): RightsTo {
    const known = this.#rights.get(action);
    if (known !== undefined) return known;
    const policies = this.#parts.map(({ of, index }) => new ActionRights(of, index.forAction(action)));
    const rights = {
      isNameless: resourceTypeOf(action) === 'none',
      policies,
      denying: policies.filter(({ hasDeny }) => hasDeny),
      allowing: policies.filter(({ hasAllow }) => hasAllow),
    };
    this.#rights.set(action, rights);
    return rights;
  }
}

function bindingOf({ name, document }: AttachedPolicy, context: PrincipalContext): PolicyBinding {
  const binding = document.binding === 'unbound' ? context.binding : document.binding;
  if (binding !== undefined) return binding;
  throw new PolicyError(
    'policy.unbound',
    `policy \`${name}\` was parsed without a platform; give the request's region and account`,
  );
}
