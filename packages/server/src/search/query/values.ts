import { queryInvalid } from '../errors.ts';
import type { Operator, Value } from './query.ts';

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `30d`, `12h`, `-1d`, in milliseconds. */
export function parseDuration({ text, position }: Value): number {
  const match = /^(-?\d{1,9})([smhdw])$/.exec(text);
  if (match === null)
    throw queryInvalid(
      position,
      'this is no time span: a whole number and `s`, `m`, `h`, `d` or `w`, such as `30d`',
    );
  return Number(match[1]) * unitsMs[match[2]!]!;
}

export function parseNumber({ text, position }: Value): number {
  const number = numberOf(text);
  if (number === undefined) throw queryInvalid(position, 'this is no number');
  return number;
}

/** Nothing for a text that is no decimal number. */
export function numberOf(text: string): number | undefined {
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
}

/** Whether a text is the value, or of its pattern: `*` stands for any characters, also none. */
export function textTest({ text, isQuoted }: Value): (candidate: string) => boolean {
  if (isQuoted || !text.includes('*')) return (candidate) => candidate === text;
  const [first = '', ...rest] = text.split('*');
  const last = rest.pop() ?? '';
  const middle = rest.filter((part) => part !== '');
  return (candidate) =>
    candidate.length >= first.length + last.length &&
    candidate.startsWith(first) &&
    candidate.endsWith(last) &&
    holdsInOrder(candidate.slice(first.length, candidate.length - last.length), middle);
}

/** The first place for each part is the best one: no going back, so no pattern takes long. */
function holdsInOrder(text: string, parts: readonly string[]): boolean {
  let at = 0;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

/** Whether `left - right` has the sign that the operator asks for. */
export function holds(difference: number, operator: Operator): boolean {
  switch (operator) {
    case ':':
      return difference === 0;
    case '<':
      return difference < 0;
    case '<=':
      return difference <= 0;
    case '>':
      return difference > 0;
    case '>=':
      return difference >= 0;
  }
}
