import {
  type AttachedPolicy,
  type CompiledPrincipal,
  compilePrincipal,
  type PrincipalContext,
  parsePolicy,
} from '@fleetward/policy';
import type { Contender } from './contender.ts';
import type { PolicyRequest, Resource, Rule } from './rules.ts';

/** The principal is compiled once, as for the life of a connection. */
export function cachedFleetward(rules: readonly Rule[], requests: readonly PolicyRequest[]): Contender {
  const policies = [attached(rules)];
  const principals = new Map<string, CompiledPrincipal>();
  for (const { thing } of requests) {
    if (!principals.has(thing)) principals.set(thing, compilePrincipal(policies, contextOf(thing)));
  }
  const asked = requests.map(({ thing, ...request }) => ({ ...request, principal: principals.get(thing)! }));
  return {
    name: 'fleetward',
    isAllowed: (index) => {
      const { principal, action, name } = asked[index]!;
      return principal.allows(action, name);
    },
  };
}

/** Every decision is the first of a principal nobody has seen: only the document was parsed before. */
export function freshFleetward(rules: readonly Rule[], requests: readonly PolicyRequest[]): Contender {
  const policies = [attached(rules)];
  const asked = requests.map(({ thing, ...request }) => ({ ...request, context: contextOf(thing) }));
  return {
    name: 'fleetward',
    isAllowed: (index) => {
      const { context, action, name } = asked[index]!;
      return compilePrincipal(policies, context).allows(action, name);
    },
  };
}

function contextOf(thing: string): PrincipalContext {
  return {
    clientId: thing,
    thing: { name: thing },
    certificate: { id: 'ab'.repeat(32) },
    sourceIp: '192.0.2.1',
  };
}

function attached(rules: readonly Rule[]): AttachedPolicy {
  const Statement = rules.map(({ effect, actions, resources }) => ({
    Effect: effect,
    Action: actions,
    Resource: resources.map(arnOf),
  }));
  const text = JSON.stringify({ Version: '2012-10-17', Statement });
  const { document } = parsePolicy(text, { region: 'local', accountId: '000000000000' });
  return { name: 'bench', versionId: 1, via: 'certificate', document };
}

function arnOf({ type, before, own, after }: Resource): string {
  const thing = own ? '${iot:Connection.Thing.ThingName}' : '';
  return `arn:aws:iot:REGION:ACCOUNT_ID:${type}/${before}${thing}${after}`;
}
