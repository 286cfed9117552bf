import { type CertificateId, canonicalJson, type JsonObject, type ThingName } from '@fleetward/core';
import { ThingsError } from './errors.ts';
import type { CertificateAttachment, Thing } from './store.ts';

const attributesMax = 50;
const tagsMax = 50;
const reportBytesMax = 16_384;

/** Throws `things.invalid` when type name or attributes are outside AWS IoT's bounds. */
export function assertThing(thing: Thing): void {
  if (thing.typeName !== undefined && !/^[a-zA-Z0-9:_-]{1,128}$/.test(thing.typeName)) {
    throw invalid(`the type name \`${thing.typeName.slice(0, 64)}\` is not 1 to 128 of a-z A-Z 0-9 : _ -`);
  }
  const attributes = Object.entries(thing.attributes);
  if (attributes.length > attributesMax) {
    throw invalid(`${attributes.length} attributes were given; a thing has at most ${attributesMax}`);
  }
  for (const [name, value] of attributes) assertAttribute(name, value);
  assertTags(thing.tags);
}

/** Of what its type requires, what a thing has not, or as an empty text. */
export function missingAttributes(
  { attributes }: Pick<Thing, 'attributes'>,
  required: readonly string[],
): readonly string[] {
  return required.filter((name) => !Object.hasOwn(attributes, name) || attributes[name] === '');
}

/** Throws `things.invalid` for tags beyond AWS's bounds. */
export function mergedTags(
  before: Readonly<Record<string, string>>,
  change: TagChange | undefined,
): Readonly<Record<string, string>> {
  const tags = merged(before, change);
  assertTags(tags);
  return tags;
}

function assertTags(tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  if (entries.length > tagsMax)
    throw invalid(`${entries.length} tags were given; there are at most ${tagsMax}`);
  for (const [name, value] of entries) {
    if (!/^[a-zA-Z0-9_.,@/:#=+[\]-]{1,128}$/.test(name))
      throw invalid(
        `the tag name \`${name.slice(0, 64)}\` is not 1 to 128 of a-z A-Z 0-9 _ . , @ / : # = + [ ] -`,
      );
    if (value.length > 256 || /[\p{Cc}\p{Cs}]/u.test(value))
      throw invalid(
        `the value of tag \`${name}\` is longer than 256 characters or holds a control character or half a character`,
      );
  }
}

/** `null` takes a tag away. */
export type TagChange = Readonly<Record<string, string | null>>;

/** What an operator wants changed of a thing: `null` takes away, what is not named stays (RFC 7396). */
export interface ThingChange {
  readonly typeName?: string | null;
  readonly attributes?: Readonly<Record<string, string | null>>;
  readonly tags?: TagChange;
}

export function changedThing({ typeName: oldType, ...thing }: Thing, change: ThingChange): Thing {
  const typeName = change.typeName === undefined ? oldType : (change.typeName ?? undefined);
  return {
    ...thing,
    ...(typeName === undefined ? {} : { typeName }),
    attributes: merged(thing.attributes, change.attributes),
    tags: merged(thing.tags, change.tags),
  };
}

function merged(
  before: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>> | undefined,
): Readonly<Record<string, string>> {
  const entries = Object.entries({ ...before, ...change });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}

/** What the trail tells of a thing that is made or changed. */
export function trailPayloadOf({ name, typeName, attributes, tags }: Thing): JsonObject {
  const some = Object.keys(tags).length === 0 ? {} : { tags };
  return { thingName: name, attributes, ...some, ...(typeName === undefined ? {} : { typeName }) };
}

function assertAttribute(name: string, value: string): void {
  if (!/^[a-zA-Z0-9_.,@/:#=[\]-]{1,128}$/.test(name)) {
    throw invalid(
      `the attribute name \`${name.slice(0, 64)}\` is not 1 to 128 of a-z A-Z 0-9 _ . , @ / : # = [ ] -`,
    );
  }
  if (value.length > 800 || /[\p{Cc}\p{Cs}]/u.test(value)) {
    throw invalid(
      `the value of attribute \`${name}\` is longer than 800 characters or holds a control character or half a character`,
    );
  }
}

/** Throws `things.invalid` when a device says more of itself than the platform keeps. */
export function assertReport(report: JsonObject): void {
  if (!isKeepable(report))
    throw invalid(`the report has ${bytesOf(report)} bytes; at most ${reportBytesMax} are kept`);
}

export function isKeepable(report: JsonObject): boolean {
  return bytesOf(report) <= reportBytesMax;
}

function bytesOf(report: JsonObject): number {
  return Buffer.byteLength(canonicalJson(report));
}

/**
 * Throws `things.attachment_refused` when the certificate would speak for a thing exclusively and for another as well.
 * `present` is what the certificate is attached to now.
 */
export function assertAttachable(
  wanted: CertificateAttachment,
  present: readonly CertificateAttachment[],
): void {
  const other = present.find(({ thingName }) => thingName !== wanted.thingName);
  if (other === undefined || !(wanted.exclusive || other.exclusive)) return;
  throw new ThingsError(
    'things.attachment_refused',
    `certificate \`${wanted.certificateId}\` is attached to \`${other.thingName}\`; an exclusive attachment allows no second thing`,
    { details: { thingName: other.thingName } },
  );
}

/** From which thing a certificate is taken. Throws `things.not_attached` or, where that is not clear, `things.invalid`. */
export function transferredFrom(
  { certificateId, from, to }: Transfer,
  present: readonly CertificateAttachment[],
): CertificateAttachment {
  const [first, ...more] =
    from === undefined ? present : present.filter(({ thingName }) => thingName === from);
  if (first === undefined) {
    const what = from === undefined ? 'any thing' : `thing \`${from}\``;
    const message = `certificate \`${certificateId}\` is not attached to ${what}`;
    throw new ThingsError('things.not_attached', message);
  }
  if (present.some(({ thingName }) => thingName === to))
    throw invalid(`certificate \`${certificateId}\` speaks for \`${to}\` already`);
  if (more.length > 0)
    throw invalid(`certificate \`${certificateId}\` speaks for several things: say from which it is taken`);
  return first;
}

export interface Transfer {
  readonly certificateId: CertificateId;
  readonly to: ThingName;
  /** Where it speaks for several. */
  readonly from?: ThingName;
}

function invalid(message: string): ThingsError {
  return new ThingsError('things.invalid', message);
}
