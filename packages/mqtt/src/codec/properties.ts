import { malformed, protocolError } from '../errors.ts';
import { REASON } from '../reason-codes.ts';
import { PROPERTIES, type PropertyOwner, type PropertySpec } from './property-table.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** The properties of MQTT 5 section 2.2.2.2; which packet may carry which is checked both ways. */
export interface Properties {
  readonly payloadFormatIndicator?: boolean;
  /** Seconds. */
  readonly messageExpiryInterval?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  readonly subscriptionIdentifiers?: readonly number[];
  /** Seconds; 0xFFFFFFFF never expires. */
  readonly sessionExpiryInterval?: number;
  readonly assignedClientIdentifier?: string;
  /** Seconds. */
  readonly serverKeepAlive?: number;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
  readonly requestProblemInformation?: boolean;
  /** Seconds. */
  readonly willDelayInterval?: number;
  readonly requestResponseInformation?: boolean;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly reasonString?: string;
  readonly receiveMaximum?: number;
  readonly topicAliasMaximum?: number;
  readonly topicAlias?: number;
  readonly maximumQos?: number;
  readonly retainAvailable?: boolean;
  readonly userProperties?: readonly UserProperty[];
  /** Bytes. */
  readonly maximumPacketSize?: number;
  readonly wildcardSubscriptionAvailable?: boolean;
  readonly subscriptionIdentifiersAvailable?: boolean;
  readonly sharedSubscriptionAvailable?: boolean;
}

export type UserProperty = readonly [name: string, value: string];

type Draft = {
  -readonly [Name in keyof Omit<Properties, 'userProperties' | 'subscriptionIdentifiers'>]: Properties[Name];
} & { userProperties?: UserProperty[]; subscriptionIdentifiers?: number[] };

export const NO_PROPERTIES: Properties = Object.freeze({});

/** Reads a property length and the properties of one packet (section 2.2.2). */
export function readProperties(reader: WireReader, owner: PropertyOwner): Properties {
  const length = reader.varInt();
  if (length === 0) return NO_PROPERTIES;
  const section = reader.section(length);
  const draft: Draft = {};
  while (section.left > 0) readProperty(section, draft, owner);
  return draft;
}

function readProperty(reader: WireReader, draft: Draft, owner: PropertyOwner): void {
  const id = reader.varInt();
  const spec = PROPERTIES.get(id);
  if (spec === undefined || !spec.owners.includes(owner))
    throw malformed(`property \`0x${id.toString(16)}\` may not be in a ${owner} packet`);
  const repeats = spec.type === 'pairs' || (spec.type === 'varInts' && owner === 'publish');
  if (!repeats && draft[spec.name] !== undefined)
    throw protocolError(`the property \`${spec.name}\` is given twice`);
  readValue(reader, draft, spec);
}

function readValue(reader: WireReader, draft: Draft, spec: PropertySpec): void {
  switch (spec.type) {
    case 'flag':
      draft[spec.name] = flag(reader.byte(), spec.name);
      return;
    case 'byte':
      draft[spec.name] = checked(reader.byte(), spec);
      return;
    case 'uint16':
      draft[spec.name] = checked(reader.uint16(), spec);
      return;
    case 'uint32':
      draft[spec.name] = checked(reader.uint32(), spec);
      return;
    case 'varInts':
      draft.subscriptionIdentifiers ??= [];
      draft.subscriptionIdentifiers.push(checked(reader.varInt(), spec));
      return;
    case 'text':
      draft[spec.name] = reader.text();
      return;
    case 'binary':
      draft[spec.name] = reader.binary();
      return;
    case 'pairs':
      draft.userProperties ??= [];
      draft.userProperties.push([reader.text(), reader.text()]);
  }
}

function flag(value: number, name: string): boolean {
  if (value > 1) throw protocolError(`the property \`${name}\` must be 0 or 1, not \`${value}\``);
  return value === 1;
}

function checked(
  value: number,
  spec: PropertySpec & { readonly min?: number; readonly max?: number },
): number {
  if (value >= (spec.min ?? 0) && value <= (spec.max ?? 0xffff_ffff)) return value;
  const reasonCode = spec.name === 'topicAlias' ? REASON.topicAliasInvalid : REASON.protocolError;
  throw protocolError(`the property \`${spec.name}\` may not be \`${value}\``, reasonCode);
}

/** Writes a property length and the properties; one that `owner` may not carry is refused. */
export function writeProperties(writer: WireWriter, properties: Properties, owner: PropertyOwner): void {
  if (properties === NO_PROPERTIES) {
    writer.varInt(0);
    return;
  }
  const section = new WireWriter();
  for (const [id, spec] of PROPERTIES) {
    if (properties[spec.name] === undefined) continue;
    if (!spec.owners.includes(owner)) throw malformed(`\`${spec.name}\` may not be in a ${owner} packet`);
    writeProperty(section, id, { spec, properties });
  }
  const bytes = section.section();
  writer.varInt(bytes.length);
  writer.raw(bytes);
}

function writeProperty(
  writer: WireWriter,
  id: number,
  { spec, properties }: { readonly spec: PropertySpec; readonly properties: Properties },
): void {
  if (spec.type === 'pairs') {
    for (const [name, value] of properties[spec.name] ?? []) {
      writer.varInt(id);
      writer.text(name);
      writer.text(value);
    }
    return;
  }
  if (spec.type === 'varInts') {
    for (const value of properties[spec.name] ?? []) {
      writer.varInt(id);
      writer.varInt(checked(value, spec));
    }
    return;
  }
  writer.varInt(id);
  writeValue(writer, spec, properties);
}

function writeValue(writer: WireWriter, spec: PropertySpec, properties: Properties): void {
  switch (spec.type) {
    case 'flag':
      writer.byte(properties[spec.name] === true ? 1 : 0);
      return;
    case 'byte':
      writer.byte(checked(properties[spec.name] ?? 0, spec));
      return;
    case 'uint16':
      writer.uint16(checked(properties[spec.name] ?? 0, spec));
      return;
    case 'uint32':
      writer.uint32(checked(properties[spec.name] ?? 0, spec));
      return;
    case 'text':
      writer.text(properties[spec.name] ?? '');
      return;
    case 'binary':
      writer.binary(properties[spec.name] ?? new Uint8Array());
      return;
  }
}
