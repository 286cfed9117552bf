/** An entry of the trail in words; what is long is cut, `--json` has all of it. */
export interface TrailDetails {
  readonly who: string;
  readonly details: string;
}

const charsMax = 48;
const idCharsMax = 16;

/** `payload` is `{"actor":…,"payload":…}`, or absent when it was erased. */
export function trailDetails(payload: string | undefined): TrailDetails {
  if (payload === undefined) return { who: '', details: '(erased)' };
  const value: unknown = parse(payload);
  if (!isObject(value) || !isObject(value.actor) || !isObject(value.payload))
    return { who: '', details: cut(payload) };
  const details = Object.entries(value.payload).map(([name, one]) => `${name}=${short(one)}`);
  return { who: whoOf(value.actor), details: details.join(' ') };
}

function whoOf({ kind, ...ids }: Readonly<Record<string, unknown>>): string {
  return [kind, ...Object.values(ids)].map(short).join(' ');
}

function short(value: unknown): string {
  if (typeof value !== 'string') return cut(JSON.stringify(value) ?? '');
  return /^[0-9a-f]{32,}$/.test(value) ? `${value.slice(0, idCharsMax)}…` : cut(value);
}

function cut(text: string): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
