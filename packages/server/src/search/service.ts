import { setImmediate } from 'node:timers/promises';
import type { Clock, JsonObject, ThingName } from '@fleetward/core';
import type { PresenceState } from '../presence/index.ts';
import { type Counts, counterOf } from './counts.ts';
import { SearchError } from './errors.ts';
import { type CertificateFacts, presenceFacts, reportFacts, speakingCertificate } from './facts.ts';
import type { Block } from './index/fields.ts';
import { FleetIndex, type FleetIndexOptions } from './index/fleet-index.ts';
import { blockMax } from './index/name-order.ts';
import { cannotBeCounted, type Filter, fieldOf, namePrefix, planQuery } from './plan.ts';
import { parseQuery, type QueryLimits } from './query/parse-query.ts';
import type { Query } from './query/query.ts';
import type { ShadowState } from './shadow-fields.ts';

export interface SearchLimits extends QueryLimits {
  /** Different names of attributes that are searched. */
  readonly attributesMax: number;
  /** Values of shadows that are searched, such as `shadow.reported.fw`. */
  readonly shadowFields: readonly string[];
  /** Characters of a text in a shadow; a longer one is not searched. */
  readonly shadowTextLengthMax: number;
  /** Searches of operators at once. */
  readonly searchesMax: number;
}

interface KnownThing {
  readonly name: ThingName;
  readonly typeName?: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly state: string;
  readonly createdAtMs: number;
}

/** What a device last reported, and of which thing. */
export interface KeptReport {
  readonly thingName: ThingName;
  readonly receivedAtMs: number;
  readonly report: JsonObject;
}

/** What a shadow of a thing holds. */
export interface KeptShadow {
  readonly thingName: ThingName;
  /** Empty for the classic shadow. */
  readonly shadowName: string;
  readonly state: ShadowState;
}

export interface SearchOptions {
  readonly clock: Clock;
  /** From memory; the registries behind these are loaded. */
  readonly thing: (name: ThingName) => KnownThing | undefined;
  readonly groupsOf: (name: ThingName) => readonly string[];
  readonly certificatesOf: (name: ThingName) => readonly CertificateFacts[];
  readonly withAncestors: FleetIndexOptions['withAncestors'];
  /** Milliseconds of no particular beginning: how long a search has held everything else up. */
  readonly monotonicMs: () => number;
  readonly limits: SearchLimits;
}

export interface Found {
  readonly names: readonly ThingName[];
  /** There may be more after the last of them. */
  readonly hasMore: boolean;
}

/** A search gives way to other work after so long. */
const sliceMs = 4;
/** It looks at so many things at first, and then at more or fewer at a time: by the values and the query, one may take long. */
const piece = { first: 256, min: 8 };

/** Finds and counts the things of the fleet by what is known of them, from memory. */
export class Search {
  readonly #options: SearchOptions;
  readonly #index: FleetIndex;
  #underWay = 0;
  #refused = 0;

  constructor(options: SearchOptions) {
    this.#options = options;
    const { attributesMax, shadowFields: fields, shadowTextLengthMax: textLengthMax } = options.limits;
    const shadows = { fields, textLengthMax };
    this.#index = new FleetIndex({ attributesMax, shadows, withAncestors: options.withAncestors });
  }

  /** Takes up what there was before the start. */
  async load(kept: {
    readonly names: Iterable<ThingName>;
    readonly reports: (range: {
      readonly after?: ThingName;
      readonly limit: number;
    }) => Promise<readonly KeptReport[]>;
    /** At least what the shadows of these names hold. */
    readonly shadows: (range: {
      readonly shadowNames: readonly string[];
      readonly after?: KeptShadow;
      readonly limit: number;
    }) => Promise<readonly KeptShadow[]>;
  }): Promise<void> {
    for (const name of kept.names) this.touch(name);
    await eachOf<KeptReport>(
      (after) => kept.reports({ limit: 1_000, ...(after === undefined ? {} : { after: after.thingName }) }),
      (report) => this.reported(report),
    );
    const { shadowNames } = this.#index.shadows;
    if (shadowNames.length === 0) return;
    await eachOf<KeptShadow>(
      (after) => kept.shadows({ shadowNames, limit: 1_000, ...(after === undefined ? {} : { after }) }),
      (shadow) => this.shadowChanged(shadow),
    );
  }

  get counts(): Readonly<
    Record<'things' | 'attributes' | 'tags' | 'shadowFields' | 'underWay' | 'refused', number>
  > {
    const { size: things, attributes, tags, shadows } = this.#index;
    return {
      things,
      attributes: attributes.size,
      tags: tags.size,
      shadowFields: shadows.size,
      underWay: this.#underWay,
      refused: this.#refused,
    };
  }

  /** Changes whenever something that can be searched for has changed; what only time changes does not. */
  get revision(): number {
    return this.#index.revision;
  }

  /** Something that the registries know of the thing may have changed, or it is gone. */
  touch(name: ThingName): void {
    const { thing, groupsOf, certificatesOf } = this.#options;
    const known = thing(name);
    if (known === undefined) {
      this.#index.remove(name);
      return;
    }
    const certificate = speakingCertificate(certificatesOf(name));
    this.#index.put({ ...known, groupNames: groupsOf(name), certificate });
  }

  reported({ thingName, receivedAtMs, report }: KeptReport): void {
    this.#index.putReport(thingName, reportFacts(report, receivedAtMs));
  }

  shadowChanged({ thingName, ...shadow }: KeptShadow): void {
    this.#index.putShadow(thingName, shadow);
  }

  /** What has changed of the thing's connections. */
  present(name: ThingName, change: PresenceState): void {
    this.#index.putPresence(name, presenceFacts(change));
  }

  /** Throws what `find` would of the query. */
  assertQuery(text: string): void {
    planQuery(this.#parse(text), this.#index);
  }

  /** A page of what matches, by name. Throws `search.query_invalid`, `search.field_unknown`, `search.not_indexed`, `search.busy`. */
  find(wanted: {
    readonly query: string;
    readonly after?: ThingName;
    readonly limit: number;
  }): Promise<Found> {
    return this.#counted(async () => {
      const { query, after, limit } = wanted;
      const names: ThingName[] = [];
      await this.#scan({ query: this.#parse(query), after }, (block, mask) => {
        this.#collect(block, { mask, names });
        return names.length > limit;
      });
      return { names: names.slice(0, limit), hasMore: names.length > limit };
    });
  }

  /** Everything that matches, for the platform itself: also while operators search as much as they may. */
  async select(query: string): Promise<readonly ThingName[]> {
    const names: ThingName[] = [];
    await this.#scan({ query: this.#parse(query) }, (block, mask) => {
      this.#collect(block, { mask, names });
      return false;
    });
    return names;
  }

  /** How many of what matches, or of all things, have which value. Throws as `find`. */
  count(wanted: { readonly by: string; readonly query?: string; readonly limit: number }): Promise<Counts> {
    return this.#counted(async () => {
      const { by, query, limit } = wanted;
      const field = { field: by, position: 1 };
      const counter = counterOf(fieldOf(this.#index, field));
      if (counter === undefined) throw cannotBeCounted(this.#index, field);
      await this.#scan({ query: query === undefined ? undefined : this.#parse(query) }, (block, mask) => {
        counter.add(block, mask);
        return false;
      });
      return counter.counts(limit);
    });
  }

  /**
   * Shows the fleet by name in blocks, each as it is in the tick in which it is judged, until `visit` has enough; in between other
   * work has its turn.
   */
  async #scan(
    { query, after }: { readonly query: Query | undefined; readonly after?: ThingName | undefined },
    visit: (block: Block, mask: Uint8Array) => boolean,
  ): Promise<void> {
    const { clock, monotonicMs } = this.#options;
    const { names, order, extent } = this.#index;
    const filter: Filter = query === undefined ? (_, all) => void all.fill(1) : planQuery(query, this.#index);
    const prefix = query === undefined ? '' : namePrefix(query);
    const mask = new Uint8Array(blockMax);
    const nowMs = clock.now();
    let from = after === undefined || after < prefix ? prefix : afterName(after);
    let pieceMax = piece.first;
    let beganAtMs = monotonicMs();
    let sliceEndMs = beganAtMs + sliceMs;
    extent.readers++;
    try {
      for (;;) {
        const slots = order.blockFrom(from).subarray(0, pieceMax);
        const [first] = slots;
        if (first === undefined || !names[first]!.startsWith(prefix)) return;
        filter({ slots, nowMs }, mask);
        if (visit({ slots, nowMs }, mask)) return;
        from = afterName(names[slots.at(-1)!]!);
        const endedAtMs = monotonicMs();
        pieceMax = nextPiece(pieceMax, endedAtMs - beganAtMs);
        beganAtMs = endedAtMs;
        if (endedAtMs < sliceEndMs) continue;
        await setImmediate();
        beganAtMs = monotonicMs();
        sliceEndMs = beganAtMs + sliceMs;
      }
    } finally {
      extent.readers--;
    }
  }

  #collect(
    { slots }: Block,
    { mask, names }: { readonly mask: Uint8Array; readonly names: ThingName[] },
  ): void {
    for (let at = 0; at < slots.length; at++) if (mask[at] === 1) names.push(this.#index.names[slots[at]!]!);
  }

  #parse(text: string): Query {
    return parseQuery(text, this.#options.limits);
  }

  async #counted<Result>(work: () => Promise<Result>): Promise<Result> {
    const { searchesMax } = this.#options.limits;
    if (this.#underWay >= searchesMax) {
      this.#refused++;
      const message = `as many searches are under way as there may be (${searchesMax}): try again (setting \`search.searchesMax\`)`;
      throw new SearchError('search.busy', message);
    }
    this.#underWay++;
    this.#index.extent.readers++;
    try {
      return await work();
    } finally {
      this.#index.extent.readers--;
      this.#underWay--;
    }
  }
}

/** All of a list that is read in pages. */
async function eachOf<Item>(
  read: (after: Item | undefined) => Promise<readonly Item[]>,
  visit: (item: Item) => void,
): Promise<void> {
  for (let after: Item | undefined; ; ) {
    const page = await read(after);
    for (const item of page) visit(item);
    after = page.at(-1);
    if (after === undefined) return;
  }
}

/** What takes long is cut smaller at once, what is quick grows again up to whole blocks. */
function nextPiece(before: number, tookMs: number): number {
  if (tookMs > sliceMs) return Math.max(piece.min, Math.floor((before * sliceMs) / (2 * tookMs)));
  return tookMs < sliceMs / 4 ? Math.min(blockMax, 2 * before) : before;
}

/** The least name that is greater: no name holds this character. */
function afterName(name: string): string {
  return `${name}\0`;
}
