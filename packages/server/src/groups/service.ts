import {
  type CertificateId,
  type Clock,
  counted,
  type GroupName,
  type ThingName,
  type Transaction,
  type Transactor,
} from '@fleetward/core';
import { isConflict } from '../store-error.ts';
import { mergedTags, type TagChange, type Things } from '../things/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { GroupsError, groupDynamic, groupNotEmpty, groupNotFound } from './errors.ts';
import { Memberships } from './memberships.ts';
import { GroupRegistry } from './registry.ts';
import { assertLevels, assertNoCycle, assertRoom, type GroupLimits, standardGroupLimits } from './rules.ts';
import type { Group, GroupStore, HierarchyChange } from './store.ts';

/** The rights of these certificates' connections may have changed. */
export interface GroupEvent {
  readonly kind: 'group-changed';
  readonly groupName: GroupName;
  readonly certificateIds: readonly CertificateId[];
}

export interface GroupsOptions {
  readonly store: GroupStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly things: Pick<Things, 'get' | 'hold' | 'certificatesOf'>;
  /** Called in the tick in which the commit is known; must not throw. */
  readonly announce: (event: GroupEvent) => void;
  /** Told, in the tick of the commit, of each thing that comes to a group or leaves it. */
  readonly changed?: (thingName: ThingName) => void;
  /** What a query of a dynamic group finds, and whether it is one; the search stands above this layer. */
  readonly search: {
    assertQuery(query: string): void;
    select(query: string): Promise<readonly ThingName[]>;
    find(wanted: {
      readonly query: string;
      readonly after?: ThingName;
      readonly limit: number;
    }): Promise<{ readonly names: readonly ThingName[] }>;
  };
  /** How many policies are attached to the group: then it is not removed. */
  readonly policiesOn: (name: GroupName) => number;
  /** Does the work when what is required of policies holds after the change, which is about these certificates. */
  readonly whileKept: <Result>(
    change: { readonly change: HierarchyChange; readonly certificateIds: readonly CertificateId[] },
    work: () => Promise<Result>,
  ) => Promise<Result>;
  readonly limits?: GroupLimits;
}

/** What is changed of a group: `null` takes a tag away. */
export interface GroupChange {
  readonly query?: string;
  readonly tags?: TagChange;
}

/**
 * Groups of things: static ones, up to seven levels deep, whose policies hold for every thing under them; and dynamic ones, of what
 * matches a query at the moment they are asked, which have no policies and stand in no hierarchy.
 */
export class Groups {
  readonly memberships: Memberships;
  readonly #options: GroupsOptions;
  readonly #limits: GroupLimits;
  readonly #registry: GroupRegistry;
  readonly #turns = new Turns();

  private constructor(options: GroupsOptions) {
    this.#options = options;
    this.#limits = options.limits ?? standardGroupLimits;
    this.#registry = new GroupRegistry(options.changed ?? (() => undefined));
    this.memberships = new Memberships({
      ...options,
      registry: this.#registry,
      limits: this.#limits,
      certificatesOf: (thingName) => this.#certificatesOf(thingName),
      change: (change, work) => this.#change(change, work),
      announce: (groupName, certificateIds) => this.#announce(groupName, certificateIds),
    });
  }

  /** Reads every group and membership into memory first. */
  static async open(options: GroupsOptions): Promise<Groups> {
    const groups = new Groups(options);
    await groups.#registry.load(options.store);
    return groups;
  }

  get limits(): GroupLimits {
    return this.#limits;
  }

  /** How many groups there are, and how many memberships of things in them. */
  get counts(): { readonly groups: number; readonly memberships: number } {
    return this.#registry.counts;
  }

  /** Changes whenever it may have changed which things are under which group. */
  get revision(): number {
    return this.#registry.revision;
  }

  /** Throws `groups.exists`, `groups.not_found` for the parent, or `groups.limit`. */
  create(
    wanted: Pick<Group, 'name' | 'parentName' | 'query'> & Partial<Pick<Group, 'tags'>>,
    actor: Actor,
  ): Promise<Group> {
    const { name, parentName, query } = wanted;
    return this.hold(() =>
      this.#transact(async (tx) => {
        this.#assertCreatable(wanted);
        const group: Group = {
          ...wanted,
          tags: mergedTags({}, wanted.tags),
          createdAtMs: this.#options.clock.now(),
        };
        await this.#options.store.add(tx, group);
        const payload = {
          groupName: name,
          ...(parentName === undefined ? {} : { parentName }),
          ...(query === undefined ? {} : { query }),
          ...(Object.keys(group.tags).length === 0 ? {} : { tags: group.tags }),
        };
        await this.#options.trail.append(tx, { kind: 'group.created', actor, payload });
        tx.afterCommit(() => this.#registry.put(group));
        return group;
      }),
    );
  }

  /** Throws `groups.not_found`, `groups.invalid` for a query on a static group, `things.invalid` for tags, or what a search throws of a query. */
  update(name: GroupName, change: GroupChange, actor: Actor): Promise<Group> {
    return this.hold(() =>
      this.#transact(async (tx) => {
        const before = this.get(name);
        const group = { ...before, ...this.#changeOf(before, change) };
        if (!(await this.#options.store.update(tx, group))) throw groupNotFound(name);
        const { query, tags } = group;
        const payload = { groupName: name, tags, ...(query === undefined ? {} : { query }) };
        await this.#options.trail.append(tx, { kind: 'group.updated', actor, payload });
        tx.afterCommit(() => this.#registry.put(group));
        return group;
      }),
    );
  }

  #changeOf(before: Group, { query, tags }: GroupChange): Pick<Group, 'query' | 'tags'> {
    if (query !== undefined && before.query === undefined)
      throw new GroupsError('groups.invalid', `group \`${before.name}\` is static: it has no query`);
    if (query !== undefined) this.#options.search.assertQuery(query);
    return { tags: mergedTags(before.tags, tags), ...(query === undefined ? {} : { query }) };
  }

  /** Puts a group with everything under it elsewhere; without a parent, at the top. Throws as `create`, and `groups.cycle`. */
  move({ name, parentName }: Pick<Group, 'name' | 'parentName'>, actor: Actor): Promise<void> {
    return this.hold(async () => {
      const { parentName: _before, ...group } = this.getStatic(name);
      this.#assertMovable(name, parentName);
      const to = parentName === undefined ? {} : { parentName };
      const certificateIds = this.certificatesUnder(name);
      await this.#change({ change: { kind: 'moved', name, ...to }, certificateIds }, async (tx) => {
        if (!(await this.#options.store.setParent(tx, { name, ...to }))) throw groupNotFound(name);
        await this.#options.trail.append(tx, {
          kind: 'group.moved',
          actor,
          payload: { groupName: name, ...to },
        });
        tx.afterCommit(() => {
          this.#registry.put({ ...group, ...to });
          this.#announce(name, this.certificatesUnder(name));
        });
      });
    });
  }

  /** Throws `groups.not_empty` while it holds groups or things, or policies are attached to it. */
  remove(name: GroupName, actor: Actor): Promise<void> {
    return this.hold(async () => {
      this.get(name);
      this.#assertEmpty(name);
      await this.#options.transactor.transact(async (tx) => {
        await this.#remove(tx, name);
        await this.#options.trail.append(tx, { kind: 'group.removed', actor, payload: { groupName: name } });
        tx.afterCommit(() => this.#registry.remove(name));
      });
    });
  }

  /** Runs `work` while no group is made, moved or removed by anybody else. */
  hold<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take('hierarchy', work);
  }

  /** From memory. */
  has(name: GroupName): boolean {
    return this.#registry.find(name) !== undefined;
  }

  /** From memory; throws `groups.not_found`. */
  get(name: GroupName): Group {
    return this.#registry.get(name);
  }

  /** From memory; throws `groups.not_found`, and `groups.dynamic` for one that is made by a query. */
  getStatic(name: GroupName): Group {
    return this.#registry.getStatic(name);
  }

  /** Whether what is in it can change without any change of a group. */
  isDynamic(name: GroupName): boolean {
    return this.#registry.isDynamic(name);
  }

  /** The things that are in it now: of a static one with what is under it, of a dynamic one what matches its query. Throws `groups.not_found`. */
  async members(name: GroupName): Promise<Iterable<ThingName>> {
    const { query } = this.get(name);
    return query === undefined ? this.thingsUnder(name) : this.#options.search.select(query);
  }

  page(range: { readonly after?: GroupName; readonly limit: number }): Promise<readonly Group[]> {
    return this.#options.store.page(range);
  }

  /** Where the group stands, from memory. */
  surroundings(name: GroupName): {
    readonly ancestorNames: readonly GroupName[];
    readonly childNames: readonly GroupName[];
    /** Of a dynamic group 0: `members` counts. */
    readonly thingCount: number;
  } {
    return {
      ancestorNames: this.#registry.ancestorsOf(name),
      childNames: this.#registry.childrenOf(name),
      thingCount: this.#registry.thingsOf(name).size,
    };
  }

  /** Things of the group itself, by name. Throws `groups.not_found`, and what a search throws. */
  async things(
    name: GroupName,
    range: { readonly after?: ThingName; readonly limit: number },
  ): Promise<readonly ThingName[]> {
    const { query } = this.get(name);
    if (query === undefined) return this.#options.store.things(name, range);
    return (await this.#options.search.find({ ...range, query })).names;
  }

  /** From memory: the groups the thing itself is in. */
  groupsOf(thingName: ThingName): readonly GroupName[] {
    return this.#registry.groupsOf(thingName);
  }

  /** From memory: the groups of the things and what they are under, each once, nearest first; as of after a change, if one is given. */
  lineageOf(thingNames: Iterable<ThingName>, after?: HierarchyChange): readonly GroupName[] {
    return this.#registry.lineageOf(thingNames, after);
  }

  /** From memory: the groups and what they are under, each once, nearest first. */
  withAncestors(names: Iterable<GroupName>, after?: HierarchyChange): readonly GroupName[] {
    return this.#registry.withAncestors(names, after);
  }

  /** From memory: the things of the group and of what is under it. */
  thingsUnder(name: GroupName): ReadonlySet<ThingName> {
    return this.#registry.thingsUnder(name);
  }

  /** From memory: the certificates that speak for the things of the group and of what is under it. */
  certificatesUnder(name: GroupName): readonly CertificateId[] {
    const certificateIds = new Set<CertificateId>();
    for (const thingName of this.thingsUnder(name))
      for (const certificateId of this.#certificatesOf(thingName)) certificateIds.add(certificateId);
    return [...certificateIds];
  }

  #certificatesOf(thingName: ThingName): readonly CertificateId[] {
    return this.#options.things.certificatesOf(thingName).map(({ certificateId }) => certificateId);
  }

  #assertCreatable({ name, parentName, query }: Pick<Group, 'name' | 'parentName' | 'query'>): void {
    if (query !== undefined) this.#options.search.assertQuery(query);
    if (query !== undefined && parentName !== undefined) throw groupDynamic(name, 'it is under no other');
    if (this.#registry.find(name) !== undefined) throw groupExists(name);
    const { groupsMax: max } = this.#limits;
    assertRoom(this.counts.groups, { max, what: 'there are as many groups as may be', setting: 'groupsMax' });
    assertLevels({ above: this.#levelOf(parentName), below: 1 }, this.#limits.levelsMax);
  }

  #assertMovable(name: GroupName, parentName: GroupName | undefined): void {
    const above = this.#levelOf(parentName);
    if (parentName !== undefined)
      assertNoCycle(name, { parentName, ancestors: this.#registry.ancestorsOf(parentName) });
    assertLevels({ above, below: this.#registry.levelsUnder(name).length }, this.#limits.levelsMax);
  }

  /** 1 for a group at the top, 0 for the place above it. Throws `groups.not_found`. */
  #levelOf(name: GroupName | undefined): number {
    if (name === undefined) return 0;
    this.getStatic(name);
    return 1 + this.#registry.ancestorsOf(name).length;
  }

  #assertEmpty(name: GroupName): void {
    const { childNames, thingCount } = this.surroundings(name);
    if (childNames.length > 0) throw groupNotEmpty(name, `${counted(childNames.length, 'group')} under it`);
    if (thingCount > 0) throw groupNotEmpty(name, counted(thingCount, 'thing'));
    const policies = this.#options.policiesOn(name);
    if (policies > 0) throw groupNotEmpty(name, `${counted(policies, 'policy', 'policies')} attached`);
  }

  async #remove(tx: Transaction, name: GroupName): Promise<void> {
    try {
      if (!(await this.#options.store.remove(tx, name))) throw groupNotFound(name);
    } catch (cause) {
      // A thing in the records that memory will know of in a moment.
      throw isConflict(cause) ? groupNotEmpty(name, 'things', cause) : cause;
    }
  }

  #change(
    change: Parameters<GroupsOptions['whileKept']>[0],
    work: (tx: Transaction) => Promise<void>,
  ): Promise<void> {
    return this.#options.whileKept(change, () => this.#transact(work));
  }

  #transact<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#options.transactor.transact(work);
  }

  #announce(groupName: GroupName, certificateIds: readonly CertificateId[]): void {
    this.#options.announce({ kind: 'group-changed', groupName, certificateIds });
  }
}

function groupExists(name: GroupName): GroupsError {
  return new GroupsError('groups.exists', `there is a group \`${name}\` already`);
}
