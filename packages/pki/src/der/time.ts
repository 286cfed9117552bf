import { PkiError } from '../errors.ts';
import type { DerReader } from './reader.ts';
import { tags } from './tags.ts';

const year2050Ms = Date.UTC(2050, 0, 1);

/**
 * Reads a time as RFC 5280 §4.1.2.5 has it: UTCTime up to 2049, GeneralizedTime after, seconds given, `Z`, no fraction.
 * Returns milliseconds since the Unix epoch.
 */
export function readTime(reader: DerReader, what: string): number {
  const general = reader.peekTag() === tags.generalizedTime;
  const content = reader.content(general ? tags.generalizedTime : tags.utcTime, what);
  const atMs = general ? fieldsToMs(content, 4) : fieldsToMs(content, 2);
  if (Number.isNaN(atMs))
    throw new PkiError('pki.der', `${what} is not a time in the form RFC 5280 asks for`);
  if (general && atMs < year2050Ms)
    throw new PkiError('pki.der', `${what} is a GeneralizedTime before 2050 (RFC 5280 section 4.1.2.5)`);
  return atMs;
}

function fieldsToMs(content: Uint8Array, yearDigits: 2 | 4): number {
  if (content.length !== yearDigits + 11 || content[yearDigits + 10] !== 0x5a) return Number.NaN;
  const year = yearDigits === 4 ? pair(content, 0) * 100 + pair(content, 2) : century(pair(content, 0));
  const at = yearDigits;
  const month = pair(content, at);
  const day = pair(content, at + 2);
  const hour = pair(content, at + 4);
  const minute = pair(content, at + 6);
  const second = pair(content, at + 8);
  const atMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const exact = day >= 1 && day <= daysIn(year, month) && hour < 24 && minute < 60 && second < 60;
  return exact && year >= 1950 ? atMs : Number.NaN;
}

function century(year: number): number {
  return year < 50 ? 2000 + year : 1900 + year;
}

function daysIn(year: number, month: number): number {
  return month >= 1 && month <= 12 ? new Date(Date.UTC(year, month, 0)).getUTCDate() : 0;
}

function pair(content: Uint8Array, at: number): number {
  return digit(content[at]) * 10 + digit(content[at + 1]);
}

function digit(octet: number | undefined): number {
  return octet !== undefined && octet >= 0x30 && octet <= 0x39 ? octet - 0x30 : Number.NaN;
}

/** A GeneralizedTime whatever its year, as OCSP has it (RFC 6960 §4.2.2.1): seconds given, `Z`, no fraction. */
export function readGeneralizedTime(reader: DerReader, what: string): number {
  const atMs = fieldsToMs(reader.content(tags.generalizedTime, what), 4);
  if (Number.isNaN(atMs))
    throw new PkiError('pki.der', `${what} is not a time in the form RFC 6960 asks for`);
  return atMs;
}

/** The element that `readGeneralizedTime` reads; milliseconds are dropped. */
export function encodeGeneralizedTime(atMs: number): Uint8Array {
  const text = timeDigits(atMs);
  return Uint8Array.from([tags.generalizedTime, text.length, ...Buffer.from(text, 'latin1')]);
}

// Those of one batch begin and end together.
const encodedMax = 16;
const encoded = new Map<number, Uint8Array>();

/** The element for a time, in the form `readTime` reads; milliseconds are dropped. */
export function encodeTime(atMs: number): Uint8Array {
  const known = encoded.get(atMs);
  if (known !== undefined) return known;
  const made = makeTime(atMs);
  if (encoded.size >= encodedMax) encoded.clear();
  encoded.set(atMs, made);
  return made;
}

function makeTime(atMs: number): Uint8Array {
  const digits = timeDigits(atMs);
  const text = atMs < year2050Ms ? digits.slice(2) : digits;
  const tag = atMs < year2050Ms ? tags.utcTime : tags.generalizedTime;
  return Uint8Array.from([tag, text.length, ...Buffer.from(text, 'latin1')]);
}

function timeDigits(atMs: number): string {
  const date = new Date(atMs);
  const year = date.getUTCFullYear();
  if (!Number.isInteger(year) || year < 1950 || year > 9999)
    throw new PkiError('pki.issue', `the time \`${atMs}\` is outside the years 1950 to 9999`);
  const fields = [date.getUTCMonth() + 1, date.getUTCDate()];
  fields.push(date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds());
  return `${fields.reduce((digits, field) => digits + (field < 10 ? `0${field}` : field), `${year}`)}Z`;
}
