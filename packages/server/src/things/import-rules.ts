import { canonicalJson, type GroupName, type JsonObject, type ThingName } from '@fleetward/core';
import { trailPayloadBytesMax } from '@fleetward/protocol';
import { ThingsError } from './errors.ts';
import { type LifecycleState, maySpeak } from './lifecycle.ts';
import { changedThing, trailPayloadOf } from './rules.ts';
import type { Thing } from './store.ts';

/** As it comes from outside: anything may be wrong with it. */
export interface GivenThing {
  readonly thingName: string;
  readonly typeName?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly groupNames?: readonly string[];
  /** Of one that is new; of one that is there it is not changed. */
  readonly lifecycleState?: LifecycleState;
}

/** A thing that is made together with its places in groups. */
export interface PlacedThing {
  readonly thing: Thing;
  readonly groupNames: readonly GroupName[];
}

export function newThing(name: ThingName, given: GivenThing, createdAtMs: number): Thing {
  const { typeName, attributes = {}, tags = {}, lifecycleState: state = 'manufactured' } = given;
  return { name, attributes, tags, state, createdAtMs, ...(typeName === undefined ? {} : { typeName }) };
}

/** What is named of it and is not so. */
export function partsThatDiffer(before: Thing, given: GivenThing): readonly string[] {
  const after = changedThing(before, given);
  return [
    ...(after.typeName === before.typeName ? [] : ['type']),
    ...(canonicalJson(after.attributes) === canonicalJson(before.attributes) ? [] : ['attributes']),
    ...(canonicalJson(after.tags) === canonicalJson(before.tags) ? [] : ['tags']),
  ];
}

/** Whether the two disagree about who may come in; through the other states a device goes by itself. */
export function staysOut(state: LifecycleState, given: LifecycleState | undefined): boolean {
  if (given === undefined || given === state) return false;
  return !(maySpeak(given) && maySpeak(state));
}

/** Of actor, kind and brackets around what an entry of the trail tells. */
const trailOverheadBytes = 1_024;

/** Throws `things.invalid` for one that is more than an entry of the trail holds: it would take the others with it. */
export function assertTellable(placed: PlacedThing): void {
  const bytes = Buffer.byteLength(canonicalJson(placedPayload(placed))) + trailOverheadBytes;
  if (bytes <= trailPayloadBytesMax) return;
  const message = `type, attributes, tags and groups have more than ${trailPayloadBytesMax - trailOverheadBytes} bytes as JSON`;
  throw new ThingsError('things.invalid', message);
}

/** What the trail tells of a thing that comes with its groups. */
export function placedPayload({ thing, groupNames }: PlacedThing): JsonObject {
  const state = thing.state === 'manufactured' ? {} : { lifecycleState: thing.state };
  const groups = groupNames.length === 0 ? {} : { groupNames: [...groupNames] };
  return { ...trailPayloadOf(thing), ...state, ...groups };
}
