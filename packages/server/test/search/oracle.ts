import type { Json, JsonObject } from '@fleetward/core';
import { compareVersions } from '@fleetward/updates';
import type { PresenceState } from '../../src/presence/index.ts';
import type { ReportFacts, ThingFacts } from '../../src/search/facts.ts';
import type { Query, Term } from '../../src/search/query/query.ts';

/** All that is known of one thing, as the index is told it. */
export interface Known {
  readonly facts: ThingFacts;
  readonly report?: ReportFacts | undefined;
  readonly presence?: PresenceState | undefined;
  /** By name. */
  readonly shadows?: Readonly<Record<string, JsonObject>> | undefined;
}

export interface OracleOptions {
  readonly nowMs: number;
  readonly withAncestors: (groups: readonly string[]) => readonly string[];
}

type Have = readonly (string | number)[];

/** Whether a thing matches, one thing after the other and by regular expressions: nothing is shared with the search. */
export function matches(query: Query, known: Known, options: OracleOptions): boolean {
  switch (query.kind) {
    case 'and':
      return query.items.every((item) => matches(item, known, options));
    case 'or':
      return query.items.some((item) => matches(item, known, options));
    case 'not':
      return !matches(query.item, known, options);
    case 'term':
      return valuesOf(query.field, known, options).some((value) => fits(value, query));
  }
}

export function valuesOf(
  field: string,
  { facts, report, presence, shadows }: Known,
  options: OracleOptions,
): Have {
  const { nowMs } = options;
  const one = (value: string | number | undefined): Have => (value === undefined ? [] : [value]);
  const since = (atMs: number | undefined): Have => one(atMs === undefined ? undefined : nowMs - atMs);
  const { certificate } = facts;
  if (field.startsWith('attribute.')) return one(facts.attributes[field.slice('attribute.'.length)]);
  if (field.startsWith('tag.')) return one(facts.tags[field.slice('tag.'.length)]);
  if (field.startsWith('shadow.')) return one(shadowValueOf(field, shadows ?? {}));
  switch (field) {
    case 'state':
      return [facts.state];
    case 'name':
      return [facts.name];
    case 'type':
      return one(facts.typeName);
    case 'group':
      return options.withAncestors(facts.groupNames);
    case 'firmware':
    case 'product':
    case 'hardware':
    case 'agent':
    case 'update':
    case 'battery':
      return one(report?.[field]);
    case 'connected':
      return [String(presence?.isConnected ?? false)];
    case 'disconnectReason':
      return one(presence?.lastEnd?.reason);
    case 'flapping':
      return [String(presence?.flappingUntilMs !== undefined && nowMs < presence.flappingUntilMs)];
    case 'tls.version':
      return one(presence?.visit?.tlsVersion);
    case 'tls.cipher':
      return one(presence?.visit?.cipher);
    case 'cert.state':
      if (certificate?.state === 'ACTIVE' && nowMs > certificate.notAfterMs) return ['expired'];
      return one(certificate?.state.replace(/_.*/, '').toLowerCase());
    case 'cert.expiresIn':
      return one(certificate && certificate.notAfterMs - nowMs);
    case 'created.age':
      return since(facts.createdAtMs);
    case 'report.age':
      return since(report?.receivedAtMs);
    case 'connected.age':
      return since(presence?.atMs);
    default:
      throw new Error(`the oracle does not know \`${field}\``);
  }
}

/** The paths of the test have no dots in their keys, so one way through the document after the other will do. */
function shadowValueOf(
  field: string,
  shadows: Readonly<Record<string, JsonObject>>,
): string | number | undefined {
  const parts = field.split('.').slice(1);
  const name = parts[0] === 'name' ? parts.splice(0, 2)[1]! : '';
  const found = parts.reduce<Json | undefined>(
    (value, key) => (value as JsonObject | undefined)?.[key],
    shadows[name],
  );
  if (typeof found === 'boolean') return String(found);
  const isShort = typeof found === 'string' && found.length <= 8 && !found.includes('\0');
  return isShort || typeof found === 'number' ? found : undefined;
}

const unitMs = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 } as const;

function fits(have: string | number, { field, operator, value }: Term): boolean {
  const { text, isQuoted } = value;
  if (operator === ':' && (typeof have === 'string' || field.startsWith('shadow.') || text === '*')) {
    const pattern = isQuoted ? escaped(text) : text.split('*').map(escaped).join('.*');
    return new RegExp(`^${pattern}$`, 's').test(String(have));
  }
  const difference = differenceOf(have, { field, text });
  return {
    ':': difference === 0,
    '<': difference < 0,
    '<=': difference <= 0,
    '>': difference > 0,
    '>=': difference >= 0,
  }[operator];
}

function differenceOf(
  have: string | number,
  { field, text }: { readonly field: string; readonly text: string },
): number {
  if (field.startsWith('shadow.') && typeof have === 'number')
    return /^-?[0-9]+([.][0-9]+)?$/.test(text) ? have - Number(text) : Number.NaN;
  if (field === 'firmware' || field === 'agent' || field.startsWith('shadow.'))
    return compareVersions(String(have), text) ?? Number.NaN;
  if (typeof have === 'string')
    return /^-?\d+(\.\d+)?$/.test(have) ? Number(have) - Number(text) : Number.NaN;
  const unit = unitMs[text.at(-1) as 'd'];
  return have - (unit === undefined ? Number(text) : Number(text.slice(0, -1)) * unit);
}

function escaped(text: string): string {
  return text.replace(/[^a-z0-9]/gi, '\\$&');
}
