/**
 * The slow, obvious evaluator that the compiled engine is held against. It reads the JSON document directly and shares
 * no code with the package: strings are expanded, then matched by the textbook recursion.
 */
export interface ReferenceRequest {
  readonly action: string;
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly connect: readonly string[];
}

export interface ReferenceStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export type ReferenceAnswer = 'allow' | 'explicitDeny' | 'implicitDeny';

const TYPES: Readonly<Record<string, string>> = {
  'iot:Connect': 'client',
  'iot:Publish': 'topic',
  'iot:Receive': 'topic',
  'iot:Subscribe': 'topicfilter',
  'iot:GetThingShadow': 'thing',
};

export function referenceDecision(
  statements: readonly ReferenceStatement[],
  request: ReferenceRequest,
): ReferenceAnswer {
  const matching = statements.filter((statement) => matches(statement, request));
  if (matching.some(({ Effect }) => Effect === 'Deny')) return 'explicitDeny';
  return matching.some(({ Effect }) => Effect === 'Allow') ? 'allow' : 'implicitDeny';
}

function matches(statement: ReferenceStatement, request: ReferenceRequest): boolean {
  const isDeny = statement.Effect === 'Deny';
  const actions = list(statement.Action);
  if (!actions.some((action) => action === '*' || action === 'iot:*' || action === request.action))
    return false;
  if (!isDeny && mentionsUnresolved(statement, request)) return false;
  const resource = `arn:aws:iot:r:a:${TYPES[request.action]}/${request.name}`;
  const hit = (pattern: string): boolean => glob(expand(pattern, request), resource);
  if (statement.Resource !== undefined) {
    if (!list(statement.Resource).some(hit)) return false;
  } else {
    const exceptions = list(statement.NotResource ?? []);
    if (exceptions.some((pattern) => !isUnresolved(pattern, request) && hit(pattern))) return false;
  }
  return conditions(statement).every(([operator, key, values]) => {
    const outcome = condition(operator, { key, values, request });
    return outcome === 'unresolved' ? isDeny : outcome;
  });
}

function condition(
  operator: string,
  {
    key,
    values,
    request,
  }: { readonly key: string; readonly values: readonly string[]; readonly request: ReferenceRequest },
): boolean | 'unresolved' {
  const [qualifier, name = operator] = operator.includes(':') ? operator.split(':') : ['', operator];
  const base = name.replace(/IfExists$/, '');
  const actuals = key === 'iot:ConnectAttributes' ? request.connect : request.variables[key]?.split('\n');
  if (base === 'Null') return values.includes(String(actuals === undefined || actuals.length === 0));
  if (actuals === undefined) return name.endsWith('IfExists') ? true : 'unresolved';
  if (values.some((value) => isUnresolved(value, request))) return 'unresolved';
  const one = (actual: string): boolean => {
    const like = base.includes('Like');
    const hit = values.some((value) => {
      const expanded = expand(value, request);
      return like ? glob(expanded, actual) : literal(expanded) === actual;
    });
    return base.includes('Not') ? !hit : hit;
  };
  return qualifier === 'ForAllValues' ? actuals.every(one) : actuals.some(one);
}

/** A pattern as characters; `true` marks a wildcard that is meant. */
type Expanded = readonly (readonly [char: string, wild: boolean])[];

function expand(text: string, request: ReferenceRequest): Expanded {
  if (text === '') return [];
  const variable = /^\$\{([a-zA-Z:.]+)\}/.exec(text);
  if (variable !== null) {
    const rest = expand(text.slice(variable[0].length), request);
    const value = usable(request.variables[variable[1] ?? '']);
    if (value === undefined) return [['*', true], ...rest];
    return [...[...value].map((char) => [char, false] as const), ...rest];
  }
  const escaped = /^\$[({]([*?$])[)}]/.exec(text);
  if (escaped !== null) return [[escaped[1] ?? '', false], ...expand(text.slice(escaped[0].length), request)];
  const [char = ''] = text;
  return [[char, char === '*' || char === '?'], ...expand(text.slice(char.length), request)];
}

function literal(pattern: Expanded): string {
  return pattern.map(([char]) => char).join('');
}

function glob(pattern: Expanded, text: string): boolean {
  const chars = [...text];
  const memo = new Map<string, boolean>();
  const from = (i: number, j: number): boolean => {
    const key = `${i},${j}`;
    const known = memo.get(key);
    if (known !== undefined) return known;
    const result = step(i, j);
    memo.set(key, result);
    return result;
  };
  const step = (i: number, j: number): boolean => {
    const head = pattern[i];
    if (head === undefined) return j === chars.length;
    const [char, wild] = head;
    if (wild && char === '*') return from(i + 1, j) || (j < chars.length && from(i, j + 1));
    return j < chars.length && (wild || char === chars[j]) && from(i + 1, j + 1);
  };
  return from(0, 0);
}

function usable(value: string | undefined): string | undefined {
  return value === undefined || value === '' || /[+#*?]/.test(value) ? undefined : value;
}

function isUnresolved(text: string, request: ReferenceRequest): boolean {
  return [...text.matchAll(/\$\{([a-zA-Z:.]+)\}/g)].some(
    ([, name]) => usable(request.variables[name ?? '']) === undefined,
  );
}

function mentionsUnresolved(statement: ReferenceStatement, request: ReferenceRequest): boolean {
  const resources = [...list(statement.Resource ?? []), ...list(statement.NotResource ?? [])];
  return resources.some((text) => isUnresolved(text, request));
}

function conditions(statement: ReferenceStatement) {
  return Object.entries(statement.Condition ?? {}).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => [operator, key, values] as const),
  );
}

function list(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}
