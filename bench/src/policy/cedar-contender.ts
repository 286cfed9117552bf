import {
  preparsePolicySet,
  type StatefulAuthorizationCall,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { Contender } from './contender.ts';
import type { PolicyRequest, Resource, Rule } from './rules.ts';

/**
 * Cedar compares with patterns that are written out, so the policy of one device has its name in it, as a principal that is
 * compiled once has.
 */
export function cachedCedar(rules: readonly Rule[], requests: readonly PolicyRequest[]): Contender {
  const thing = requests[0]!.thing;
  const when = ({ type, before, own, after }: Resource) => {
    const name = `${type}/${before}${own ? thing : ''}${after}`;
    return name.includes('*') ? `resource.name like ${quoted(name)}` : `resource.name == ${quoted(name)}`;
  };
  return cedar('cached', {
    policies: policiesOf(rules, when),
    calls: requests.map((request) =>
      callOf(request, { policySet: 'cached', attrs: { name: `${request.type}/${request.name}` } }),
    ),
  });
}

/**
 * One policy for all devices. Cedar cannot put a name into a pattern: the levels of the topic are attributes of the resource,
 * taken apart before anything is timed, and the level that names a device is compared with the principal's name.
 */
export function freshCedar(rules: readonly Rule[], requests: readonly PolicyRequest[]): Contender {
  const when = ({ before, own }: Resource) =>
    own
      ? `resource.area == ${quoted(before.slice(0, -1))} && resource.depth > 2 && resource.owner == principal.name`
      : `resource.name == ${quoted(before)}`;
  return cedar('fresh', {
    policies: policiesOf(rules, when),
    calls: requests.map((request) => {
      const [area = '', owner = '', ...rest] = request.name.split('/');
      const attrs = { name: request.name, area, owner, depth: 2 + rest.length };
      return callOf(request, { policySet: 'fresh', attrs });
    }),
  });
}

function cedar(
  policySet: string,
  { policies, calls }: { readonly policies: string; readonly calls: readonly StatefulAuthorizationCall[] },
): Contender {
  const parsed = preparsePolicySet(policySet, { staticPolicies: policies });
  if (parsed.type === 'failure')
    throw new Error(`cedar refuses the policy: ${JSON.stringify(parsed.errors)}`);
  return {
    name: 'cedar',
    isAllowed: (index) => {
      const answer = statefulIsAuthorized(calls[index]!);
      if (answer.type === 'failure')
        throw new Error(`cedar does not answer: ${JSON.stringify(answer.errors)}`);
      return answer.response.decision === 'allow';
    },
  };
}

function policiesOf(rules: readonly Rule[], when: (resource: Resource) => string): string {
  return rules
    .map(({ effect, actions, resources }) => {
      const verb = effect === 'Allow' ? 'permit' : 'forbid';
      const named = actions.map((action) => `Action::"${action}"`).join(', ');
      const condition = resources.map((resource) => `(${when(resource)})`).join(' || ');
      return `${verb} (principal, action in [${named}], resource) when { ${condition} };`;
    })
    .join('\n');
}

function callOf(
  { thing, action, type, name }: PolicyRequest,
  { policySet, attrs }: { readonly policySet: string; readonly attrs: Record<string, string | number> },
): StatefulAuthorizationCall {
  const principal = { type: 'Device', id: thing };
  const resource = { type: 'Resource', id: `${type}/${name}` };
  return {
    principal,
    action: { type: 'Action', id: action },
    resource,
    context: {},
    preparsedPolicySetId: policySet,
    entities: [
      { uid: principal, attrs: { name: thing }, parents: [] },
      { uid: resource, attrs, parents: [] },
    ],
  };
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
