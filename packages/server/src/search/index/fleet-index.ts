import type { ThingName } from '@fleetward/core';
import { disconnectReasons } from '@fleetward/mqtt';
import { lifecycleStates } from '../../things/index.ts';
import type { PresenceFacts, ReportFacts, ThingFacts } from '../facts.ts';
import { NumberColumn, TextColumn } from './columns.ts';
import type { Extent } from './dictionary.ts';
import {
  AttributeColumns,
  type CertificateStateValue,
  certificateStateField,
  type Field,
  groupField,
  numberField,
  spanField,
  textField,
  untilField,
} from './fields.ts';
import { NameOrder } from './name-order.ts';
import { ShadowColumns, type ShadowColumnsOptions } from './shadow-columns.ts';

export interface FleetIndexOptions {
  readonly attributesMax: number;
  readonly shadows: ShadowColumnsOptions;
  /** The group and what it is under. */
  readonly withAncestors: (groupNames: readonly string[]) => readonly string[];
}

const stateValues: Readonly<Record<NonNullable<ThingFacts['certificate']>['state'], CertificateStateValue>> =
  {
    ACTIVE: 'active',
    INACTIVE: 'inactive',
    PENDING_ACTIVATION: 'pending',
    REVOKED: 'revoked',
  };

/** What can be searched of every thing, in memory: a column a field, and a slot a thing. Changed in the tick of each commit. */
export class FleetIndex {
  readonly extent: Extent = { readers: 0, slots: 0 };
  readonly names: (ThingName | undefined)[] = [];
  readonly order = new NameOrder(this.names);
  readonly attributes: AttributeColumns;
  readonly tags: AttributeColumns;
  readonly shadows: ShadowColumns;
  readonly #slots = new Map<ThingName, number>();
  readonly #free: number[] = [];
  readonly #texts = {
    type: this.#text(),
    lifecycle: this.#text(),
    groups: this.#text(),
    state: this.#text(),
    firmware: this.#text(),
    product: this.#text(),
    hardware: this.#text(),
    agent: this.#text(),
    update: this.#text(),
    connected: this.#text(),
    disconnectReason: this.#text(),
    tlsVersion: this.#text(),
    cipher: this.#text(),
  };
  readonly #numbers = {
    createdAtMs: new NumberColumn(this.extent),
    notAfterMs: new NumberColumn(this.extent),
    reportedAtMs: new NumberColumn(this.extent),
    battery: new NumberColumn(this.extent),
    connectedAtMs: new NumberColumn(this.extent),
    flappingUntilMs: new NumberColumn(this.extent),
  };
  readonly #fields: ReadonlyMap<string, Field>;
  #revision = 0;

  constructor({ attributesMax, shadows, withAncestors }: FleetIndexOptions) {
    this.attributes = new AttributeColumns(this.extent, attributesMax);
    this.tags = new AttributeColumns(this.extent, attributesMax);
    this.shadows = new ShadowColumns(this.extent, shadows);
    const texts = this.#texts;
    const numbers = this.#numbers;
    this.#fields = new Map<string, Field>([
      ['name', { kind: 'name' }],
      ['type', textField(texts.type)],
      ['state', textField(texts.lifecycle, { values: lifecycleStates })],
      ['group', groupField(texts.groups, withAncestors)],
      ['firmware', textField(texts.firmware, { order: 'version' })],
      ['product', textField(texts.product)],
      ['hardware', textField(texts.hardware)],
      ['agent', textField(texts.agent, { order: 'version' })],
      ['update', textField(texts.update)],
      ['battery', numberField(numbers.battery)],
      ['connected', textField(texts.connected, { values: ['true', 'false'] })],
      ['disconnectReason', textField(texts.disconnectReason, { values: disconnectReasons })],
      ['flapping', untilField(numbers.flappingUntilMs)],
      ['tls.version', textField(texts.tlsVersion)],
      ['tls.cipher', textField(texts.cipher)],
      ['cert.state', certificateStateField({ state: texts.state, notAfterMs: numbers.notAfterMs })],
      ['cert.expiresIn', spanField(numbers.notAfterMs, 'until')],
      ['created.age', spanField(numbers.createdAtMs, 'since')],
      ['report.age', spanField(numbers.reportedAtMs, 'since')],
      ['connected.age', spanField(numbers.connectedAtMs, 'since')],
    ]);
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Changes whenever something that can be searched for has changed. */
  get revision(): number {
    return this.#revision;
  }

  /** But for those of attributes, tags and shadows. */
  get fieldNames(): readonly string[] {
    return [...this.#fields.keys()];
  }

  field(name: string): Field | undefined {
    return this.#fields.get(name);
  }

  /** A new thing, or one in the place of what it was. */
  put(facts: ThingFacts): void {
    const slot = this.#slots.get(facts.name) ?? this.#add(facts.name);
    const { certificate, groupNames } = facts;
    this.#revision++;
    this.#texts.type.set(slot, facts.typeName);
    this.#texts.lifecycle.set(slot, facts.state);
    this.#texts.groups.set(slot, groupNames.length === 0 ? undefined : groupNames.toSorted().join(' '));
    this.#texts.state.set(slot, certificate && stateValues[certificate.state]);
    this.#numbers.notAfterMs.set(slot, certificate?.notAfterMs);
    this.#numbers.createdAtMs.set(slot, facts.createdAtMs);
    this.attributes.set(slot, facts.attributes);
    this.tags.set(slot, facts.tags);
  }

  putReport(name: ThingName, report: ReportFacts): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#revision++;
    this.#setReport(slot, report);
  }

  putPresence(name: ThingName, presence: PresenceFacts): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#revision++;
    this.#setPresence(slot, presence);
  }

  putShadow(name: ThingName, shadow: Parameters<ShadowColumns['set']>[1]): void {
    const slot = this.#slots.get(name);
    if (slot !== undefined && this.shadows.set(slot, shadow)) this.#revision++;
  }

  remove(name: ThingName): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#revision++;
    for (const column of Object.values(this.#texts)) column.set(slot, undefined);
    for (const column of Object.values(this.#numbers)) column.set(slot, undefined);
    this.attributes.set(slot, {});
    this.tags.set(slot, {});
    this.shadows.clear(slot);
    this.order.remove(slot);
    this.#slots.delete(name);
    this.names[slot] = undefined;
    this.#free.push(slot);
  }

  #add(name: ThingName): number {
    const slot = this.#free.pop() ?? this.names.length;
    this.names[slot] = name;
    this.extent.slots = this.names.length;
    this.#slots.set(name, slot);
    this.order.add(slot);
    this.#setPresence(slot, { isConnected: false });
    return slot;
  }

  #setReport(slot: number, report: Partial<ReportFacts>): void {
    const { firmware, product, hardware, agent, update } = report;
    for (const [name, value] of Object.entries({ firmware, product, hardware, agent, update }))
      this.#texts[name as 'firmware'].set(slot, value);
    this.#numbers.battery.set(slot, report.battery);
    this.#numbers.reportedAtMs.set(slot, report.receivedAtMs);
  }

  #setPresence(slot: number, presence: PresenceFacts): void {
    const { isConnected, atMs, tlsVersion, cipher, disconnectReason, flappingUntilMs } = presence;
    this.#texts.connected.set(slot, String(isConnected));
    if (atMs !== undefined) this.#numbers.connectedAtMs.set(slot, atMs);
    if (tlsVersion !== undefined) this.#texts.tlsVersion.set(slot, tlsVersion);
    if (cipher !== undefined) this.#texts.cipher.set(slot, cipher);
    if (disconnectReason !== undefined) this.#texts.disconnectReason.set(slot, disconnectReason);
    if (flappingUntilMs !== undefined) this.#numbers.flappingUntilMs.set(slot, flappingUntilMs);
  }

  #text(): TextColumn {
    return new TextColumn(this.extent);
  }
}
