import { NAMED_RESOURCE_TYPES } from './actions.ts';
import type { PolicyBinding, ResourceEntry } from './document.ts';
import { PolicyError } from './errors.ts';
import { shown } from './issues.ts';
import { type Problem, parseTemplate, type Token } from './template.ts';

export type Binding = PolicyBinding | 'unbound';

export type ResourceResult =
  | { readonly kind: 'resource'; readonly entry: ResourceEntry; readonly bound: readonly BoundLiteral[] }
  | ({ readonly kind: 'problem' } & Problem);

/** A placeholder of AWS's published examples that was replaced by this platform's setting. */
export interface BoundLiteral {
  readonly literal: 'REGION' | 'ACCOUNT_ID';
  readonly value: string;
}

const EXPECTED_ARN = '`*` or `arn:aws:iot:<region>:<account>:<type>/<name>`';
const PARTITION = /^aws(?:-[a-z]+)*$/;

/** Reads one entry of `Resource` or `NotResource`. The partition is accepted and not compared. */
export function parseResource(source: string, place: { readonly path: string; readonly binding: Binding }) {
  const anything = {
    source,
    path: place.path,
    region: '*',
    accountId: '*',
    tail: [{ kind: 'star' }],
  } as const;
  if (source === '*') return { kind: 'resource', entry: anything, bound: [] } as const;
  return parseArn(source, place);
}

function parseArn(
  source: string,
  { path, binding }: { readonly path: string; readonly binding: Binding },
): ResourceResult {
  const [arn, partition = '', service, ...rest] = source.split(':', 5);
  const [region = '', accountId = ''] = rest;
  if (arn !== 'arn' || service !== 'iot' || rest.length < 2 || !PARTITION.test(partition)) {
    return problem(`${shown(source)} is not an ARN of a device resource`, EXPECTED_ARN);
  }
  const tailSource = source.split(':').slice(5).join(':');
  const regionField = bindField(region, 'region', binding);
  if (regionField.kind === 'problem') return regionField;
  const accountField = bindField(accountId, 'accountId', binding);
  if (accountField.kind === 'problem') return accountField;
  const tail = parseTail(tailSource);
  if (tail.kind === 'problem') return tail;
  return {
    kind: 'resource',
    entry: { source, path, region: regionField.value, accountId: accountField.value, tail: tail.tokens },
    bound: [...regionField.bound, ...accountField.bound],
  };
}

const FIELDS = {
  region: { literal: 'REGION', pattern: /^[a-z0-9-]{1,64}$/ },
  accountId: { literal: 'ACCOUNT_ID', pattern: /^[A-Za-z0-9_-]{1,64}$/ },
} as const;

type FieldResult =
  | { readonly kind: 'field'; readonly value: string; readonly bound: readonly BoundLiteral[] }
  | ({ readonly kind: 'problem' } & Problem);

/** One of region and account: `*`, the platform's own value, or the placeholder that stands for it. */
export function bindField(text: string, field: keyof typeof FIELDS, binding: Binding): FieldResult {
  const { literal, pattern } = FIELDS[field];
  if (text === '*') return { kind: 'field', value: '*', bound: [] };
  if (binding === 'unbound') {
    if (text === literal) return { kind: 'field', value: '*', bound: [] };
    return pattern.test(text)
      ? { kind: 'field', value: text, bound: [] }
      : badField(text, field, `a ${field}`);
  }
  const value = binding[field];
  if (text === value) return { kind: 'field', value, bound: [] };
  if (text === literal) return { kind: 'field', value, bound: [{ literal, value }] };
  return badField(text, field, `\`${value}\``);
}

function badField(text: string, field: string, expected: string): { readonly kind: 'problem' } & Problem {
  const literal = field === 'region' ? 'REGION' : 'ACCOUNT_ID';
  return problem(
    `the ARN's ${field} ${shown(text)} is not this platform's`,
    `${expected}, \`*\` or \`${literal}\``,
  );
}

function parseTail(source: string) {
  const parsed = parseTemplate(source, { wildcards: true });
  if (parsed.kind === 'problem') return parsed;
  return namesAType(parsed.tokens) ? parsed : problem(`no resource is named ${shown(source)}`, EXPECTED_TAIL);
}

const EXPECTED_TAIL = `a name after ${NAMED_RESOURCE_TYPES.map((type) => `\`${type}/\``).join(', ')}, or a wildcard`;

/** The type must be written out, or be open because a wildcard stands in its place. A variable cannot choose it. */
function namesAType(tokens: readonly Token[]): boolean {
  const [first, second] = tokens;
  if (first === undefined || first.kind === 'variable') return false;
  if (first.kind !== 'text') return true;
  if (NAMED_RESOURCE_TYPES.some((type) => first.text.startsWith(`${type}/`))) return true;
  const isOpen = second !== undefined && second.kind !== 'variable' && second.kind !== 'text';
  return isOpen && NAMED_RESOURCE_TYPES.some((type) => `${type}/`.startsWith(first.text));
}

/** A request's resource, taken apart. */
export interface RequestResource {
  readonly binding: PolicyBinding;
  /** `topic`, `client`, …; empty for the resource `*`. */
  readonly type: string;
  readonly name: string;
}

/** Parses the ARN a request names (no wildcards, nothing to bind); throws `policy.request`. */
export function parseRequestArn(arn: string): RequestResource {
  const [, region, accountId, type, name] =
    /^arn:aws(?:-[a-z]+)*:iot:([a-z0-9-]{1,64}):([A-Za-z0-9_-]{1,64}):([a-z]+)\/(.*)$/su.exec(arn) ?? [];
  if (region === undefined || accountId === undefined || type === undefined || name === undefined) {
    throw new PolicyError(
      'policy.request',
      `${shown(arn)} is not an ARN; expected \`arn:aws:iot:<region>:<account>:<type>/<name>\``,
    );
  }
  return { binding: { region, accountId }, type, name };
}

function problem(message: string, expected: string): { readonly kind: 'problem' } & Problem {
  return { kind: 'problem', message, expected };
}
