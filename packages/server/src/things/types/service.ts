import { type Clock, counted, type Transaction, type Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../../trail/index.ts';
import { Turns } from '../../turns.ts';
import { ThingsError } from '../errors.ts';
import { mergedTags, missingAttributes, type TagChange } from '../rules.ts';
import type { Thing, ThingType, ThingTypeStore } from '../store.ts';

export interface ThingTypesOptions {
  readonly store: ThingTypeStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  /** From memory: every thing there is. */
  readonly things: () => Iterable<Thing>;
  readonly typesMax: number;
}

export interface TypeChange {
  /** In the place of those before. */
  readonly requiredAttributes?: readonly string[];
  readonly tags?: TagChange;
}

/** How many names of things a refusal tells. */
const namesTold = 5;

/** The types of things that ask something of them. */
export class ThingTypes {
  readonly #options: ThingTypesOptions;
  readonly #types: Map<string, ThingType>;
  readonly #turns = new Turns();

  private constructor(options: ThingTypesOptions, types: readonly ThingType[]) {
    this.#options = options;
    this.#types = new Map(types.map((type) => [type.name, type]));
  }

  /** Reads every type into memory first. */
  static async open(options: ThingTypesOptions): Promise<ThingTypes> {
    return new ThingTypes(options, await options.store.all());
  }

  get count(): number {
    return this.#types.size;
  }

  /** From memory. What things of the type have to have; of one that is not kept nothing. */
  requiredOf(name: string | undefined): readonly string[] {
    return (name === undefined ? undefined : this.#types.get(name))?.requiredAttributes ?? [];
  }

  /** From memory; throws `things.type_not_found`. */
  get(name: string): ThingType {
    const type = this.#types.get(name);
    if (type === undefined) throw notFound(name);
    return type;
  }

  /** From memory: types with a name greater than `after`, by name. */
  page({ after = '', limit }: { readonly after?: string; readonly limit: number }): readonly ThingType[] {
    const names = [...this.#types.keys()].filter((name) => name > after).sort();
    return names.slice(0, limit).map((name) => this.get(name));
  }

  /** Things of the type, and of them those that lack what it asks for: none that was changed since it asks. */
  standing(name: string): { readonly things: number; readonly lacking: readonly Thing[] } {
    const { requiredAttributes } = this.get(name);
    const things = this.#thingsOf(name);
    return { things: things.length, lacking: lackingOf(things, requiredAttributes) };
  }

  /** Throws `things.type_exists`, `things.type_limit`, `things.type_unmet` while things of this type lack something, `things.invalid` for tags. */
  create(wanted: Omit<ThingType, 'createdAtMs' | 'tags'> & TypeChange, actor: Actor): Promise<ThingType> {
    return this.#change(async (tx) => {
      const { name, requiredAttributes } = wanted;
      if (this.#types.has(name))
        throw new ThingsError('things.type_exists', `there is a type \`${name}\` already`);
      this.#assertRoom();
      this.#assertMet(name, requiredAttributes);
      const tags = mergedTags({}, wanted.tags);
      const type = { name, requiredAttributes, tags, createdAtMs: this.#options.clock.now() };
      await this.#options.store.add(tx, type);
      await this.#told(tx, { kind: 'thing_type.created', type, actor });
      return type;
    });
  }

  /** Throws `things.type_not_found`, `things.type_unmet` while things of this type lack something, `things.invalid` for tags. */
  update(name: string, change: TypeChange, actor: Actor): Promise<ThingType> {
    return this.#change(async (tx) => {
      const before = this.get(name);
      const requiredAttributes = change.requiredAttributes ?? before.requiredAttributes;
      this.#assertMet(name, requiredAttributes);
      const type = { ...before, requiredAttributes, tags: mergedTags(before.tags, change.tags) };
      if (!(await this.#options.store.update(tx, type))) throw notFound(name);
      await this.#told(tx, { kind: 'thing_type.updated', type, actor });
      return type;
    });
  }

  /** Its things keep its name, and nothing is asked of them any more. Throws `things.type_not_found`. */
  remove(name: string, actor: Actor): Promise<void> {
    return this.#change(async (tx) => {
      if (!(await this.#options.store.remove(tx, name))) throw notFound(name);
      const payload = { typeName: name };
      await this.#options.trail.append(tx, { kind: 'thing_type.removed', actor, payload });
      tx.afterCommit(() => this.#types.delete(name));
    });
  }

  async #told(
    tx: Transaction,
    {
      kind,
      type,
      actor,
    }: {
      readonly kind: 'thing_type.created' | 'thing_type.updated';
      readonly type: ThingType;
      readonly actor: Actor;
    },
  ): Promise<void> {
    const { name: typeName, requiredAttributes, tags } = type;
    const payload = { typeName, requiredAttributes: [...requiredAttributes], tags };
    await this.#options.trail.append(tx, { kind, actor, payload });
    tx.afterCommit(() => this.#types.set(typeName, type));
  }

  #change<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#turns.take('types', () => this.#options.transactor.transact(work));
  }

  #assertRoom(): void {
    const { typesMax } = this.#options;
    if (this.count < typesMax) return;
    const message = `there are as many types as may be (setting \`thingTypes.typesMax\`: ${typesMax})`;
    throw new ThingsError('things.type_limit', message);
  }

  // A thing whose change is under way is not seen: `standing` tells it, and its next change has to mend it.
  #assertMet(name: string, requiredAttributes: readonly string[]): void {
    const lacking = lackingOf(this.#thingsOf(name), requiredAttributes);
    if (lacking.length === 0) return;
    const told = lacking.slice(0, namesTold).map((thing) => `\`${thing.name}\``);
    const rest = lacking.length > namesTold ? ', …' : '';
    throw new ThingsError(
      'things.type_unmet',
      `there would be ${counted(lacking.length, 'thing')} of type \`${name}\` without an attribute that would be required: ${told.join(', ')}${rest}`,
      { details: { lacking: lacking.length } },
    );
  }

  #thingsOf(name: string): readonly Thing[] {
    return [...this.#options.things()].filter(({ typeName }) => typeName === name);
  }
}

function lackingOf(things: readonly Thing[], requiredAttributes: readonly string[]): readonly Thing[] {
  return things.filter((thing) => missingAttributes(thing, requiredAttributes).length > 0);
}

function notFound(name: string): ThingsError {
  return new ThingsError('things.type_not_found', `there is no type \`${name}\``);
}
