import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import type { Contender } from './contender.ts';
import type { PolicyRequest, Resource, Rule } from './rules.ts';

// Allow needs one rule that allows and none that denies. A name is compared the cheapest way casbin has for its form.
const model = `
[request_definition]
r = thing, act, obj

[policy_definition]
p = act, kind, before, after, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.act == p.act && (p.kind == "own" && keyMatch(r.obj, p.before + r.thing + p.after) || p.kind == "fixed" && r.obj == p.before || p.kind == "regex" && regexMatch(r.obj, p.before + r.thing + p.after) || p.kind == "fixedRegex" && regexMatch(r.obj, p.before))
`;

/** The rules loaded once; the thing's name is part of the request, so a new principal costs nothing more. */
export async function casbin(rules: readonly Rule[], requests: readonly PolicyRequest[]): Promise<Contender> {
  const lines = rules.flatMap(({ effect, actions, resources }) =>
    actions.flatMap((action) =>
      resources.map((resource) => `p, ${action}, ${columns(resource)}, ${effect.toLowerCase()}`),
    ),
  );
  const enforcer = await newEnforcer(newModelFromString(model), new StringAdapter(lines.join('\n')));
  return {
    name: 'casbin',
    isAllowed: (index) => {
      const { thing, action, type, name } = requests[index]!;
      return enforcer.enforceSync(thing, action, `${type}/${name}`);
    },
  };
}

/** `keyMatch` knows one `*`, at the end; anything else is a regular expression. */
function columns({ type, before, own, after }: Resource): string {
  const isSimple = !before.includes('*') && !after.slice(0, -1).includes('*');
  const [first, last] = [`${type}/${before}`, after];
  if (isSimple) return `${own ? 'own' : 'fixed'}, ${first}, ${last}`;
  const [head, tail] = [`^${regex(first)}`, `${regex(last)}$`];
  return own ? `regex, ${head}, ${tail}` : `fixedRegex, ${head}${tail}, `;
}

function regex(text: string): string {
  return text.replace(/[.+^$(){}|[\]\\?]/g, '\\$&').replaceAll('*', '.*');
}
