import type { GroupName, ThingName } from '@fleetward/core';
import { groupDynamic, groupNotFound } from './errors.ts';
import type { Group, GroupStore, HierarchyChange, Membership } from './store.ts';

const pageSize = 1000;
const noGroups: readonly GroupName[] = [];
const noThings: ReadonlySet<ThingName> = new Set();

/** Groups, their hierarchy and their things in memory: what a connecting device is decided by. Changed in the tick of each commit. */
export class GroupRegistry {
  readonly #groups = new Map<GroupName, Group>();
  readonly #children = new Map<GroupName, Set<GroupName>>();
  readonly #things = new Map<GroupName, Set<ThingName>>();
  readonly #byThing = new Map<ThingName, readonly GroupName[]>();
  readonly #changed: (thingName: ThingName) => void;
  #memberships = 0;
  #revision = 0;

  /** `changed` is told of each thing that comes to a group or leaves it. */
  constructor(changed: (thingName: ThingName) => void) {
    this.#changed = changed;
  }

  async load(store: GroupStore): Promise<void> {
    for (let after: GroupName | undefined; ; ) {
      const page = await store.page(after === undefined ? { limit: pageSize } : { after, limit: pageSize });
      for (const group of page) this.put(group);
      after = page.at(-1)?.name;
      if (after === undefined) break;
    }
    for (const membership of await store.memberships()) this.addThing(membership);
  }

  /** How many groups, and how many memberships of things in them. */
  get counts(): { readonly groups: number; readonly memberships: number } {
    return { groups: this.#groups.size, memberships: this.#memberships };
  }

  /** Changes whenever it may have changed which things are under which group. */
  get revision(): number {
    return this.#revision;
  }

  find(name: GroupName): Group | undefined {
    return this.#groups.get(name);
  }

  /** Throws `groups.not_found`. */
  get(name: GroupName): Group {
    const group = this.find(name);
    if (group === undefined) throw groupNotFound(name);
    return group;
  }

  /** Throws `groups.not_found`, and `groups.dynamic` for one that is made by a query. */
  getStatic(name: GroupName): Group {
    const group = this.get(name);
    if (group.query === undefined) return group;
    throw groupDynamic(
      name,
      'things are not put in and taken out, it has no policies and stands in no hierarchy',
    );
  }

  isDynamic(name: GroupName): boolean {
    return this.find(name)?.query !== undefined;
  }

  /** Adds a group, or puts a known one where it now belongs. */
  put(group: Group): void {
    this.#revision++;
    this.#leaveParent(group.name);
    this.#groups.set(group.name, group);
    if (group.parentName === undefined) return;
    const siblings = this.#children.get(group.parentName) ?? new Set();
    this.#children.set(group.parentName, siblings.add(group.name));
  }

  remove(name: GroupName): void {
    this.#leaveParent(name);
    this.#groups.delete(name);
  }

  #leaveParent(name: GroupName): void {
    const parentName = this.#groups.get(name)?.parentName;
    if (parentName === undefined) return;
    const siblings = this.#children.get(parentName);
    siblings?.delete(name);
    if (siblings?.size === 0) this.#children.delete(parentName);
  }

  addThing({ groupName, thingName }: Membership): void {
    const things = this.#things.get(groupName) ?? new Set();
    if (things.has(thingName)) return;
    this.#things.set(groupName, things.add(thingName));
    this.#byThing.set(thingName, [...this.groupsOf(thingName), groupName]);
    this.#memberships++;
    this.#revision++;
    this.#changed(thingName);
  }

  removeThing({ groupName, thingName }: Membership): void {
    const things = this.#things.get(groupName);
    if (things?.delete(thingName) !== true) return;
    if (things.size === 0) this.#things.delete(groupName);
    const groups = this.groupsOf(thingName).filter((name) => name !== groupName);
    if (groups.length === 0) this.#byThing.delete(thingName);
    else this.#byThing.set(thingName, groups);
    this.#memberships--;
    this.#revision++;
    this.#changed(thingName);
  }

  /** The groups the thing itself was put in, in that order; as of after the change, if one is given. */
  groupsOf(thingName: ThingName, after?: HierarchyChange): readonly GroupName[] {
    const groups = this.#byThing.get(thingName) ?? noGroups;
    if (after === undefined || after.kind === 'moved' || after.membership.thingName !== thingName)
      return groups;
    const { groupName } = after.membership;
    const others = groups.filter((name) => name !== groupName);
    return after.kind === 'left' ? others : [...others, groupName];
  }

  thingsOf(name: GroupName): ReadonlySet<ThingName> {
    return this.#things.get(name) ?? noThings;
  }

  childrenOf(name: GroupName): readonly GroupName[] {
    return [...(this.#children.get(name) ?? noGroups)].sort();
  }

  /** What the group is under, nearest first; as of after the change, if one is given. */
  ancestorsOf(name: GroupName, after?: HierarchyChange): readonly GroupName[] {
    const ancestors: GroupName[] = [];
    let parent = this.#parentOf(name, after);
    // Never longer than there are groups, should damaged records hold a cycle.
    while (parent !== undefined && ancestors.length < this.#groups.size) {
      ancestors.push(parent);
      parent = this.#parentOf(parent, after);
    }
    return ancestors;
  }

  /** The groups and what they are under, each once, nearest first; as of after the change, if one is given. */
  withAncestors(names: Iterable<GroupName>, after?: HierarchyChange): readonly GroupName[] {
    const lineage = new Set<GroupName>();
    for (const name of names) {
      lineage.add(name);
      for (const ancestor of this.ancestorsOf(name, after)) lineage.add(ancestor);
    }
    return [...lineage];
  }

  /** The same of the groups that the things were put in. */
  lineageOf(thingNames: Iterable<ThingName>, after?: HierarchyChange): readonly GroupName[] {
    const names: GroupName[] = [];
    for (const thingName of thingNames) names.push(...this.groupsOf(thingName, after));
    return names.length === 0 ? names : this.withAncestors(names, after);
  }

  #parentOf(name: GroupName, after: HierarchyChange | undefined): GroupName | undefined {
    return after?.kind === 'moved' && after.name === name
      ? after.parentName
      : this.#groups.get(name)?.parentName;
  }

  /** The group and everything under it, level by level. */
  levelsUnder(name: GroupName): readonly (readonly GroupName[])[] {
    const levels: GroupName[][] = [[name]];
    while (levels.length <= this.#groups.size) {
      const next = (levels.at(-1) ?? []).flatMap((parent) => this.childrenOf(parent));
      if (next.length === 0) break;
      levels.push(next);
    }
    return levels;
  }

  /** The things of the group and of what is under it. */
  thingsUnder(name: GroupName): ReadonlySet<ThingName> {
    const groups = this.levelsUnder(name).flat();
    return new Set(groups.flatMap((group) => [...this.thingsOf(group)]));
  }
}
