import type { Clock, ThingName, Transactor } from '@fleetward/core';
import { type Group, Groups, type Membership } from './groups/index.ts';
import { openSearch } from './open-search.ts';
import type { CertificateFacts, Search, SearchLimits } from './search/index.ts';
import type { StoredShadow } from './shadows/store.ts';
import { openStorage, type StorageConfig, type Stores } from './storage/index.ts';
import { type DeviceReport, type Thing, Things } from './things/index.ts';

export type { CertificateFacts } from './search/index.ts';

/** Some of a fleet. */
export interface FleetPart {
  readonly things: readonly Thing[];
  readonly memberships: readonly Membership[];
  readonly reports: readonly DeviceReport[];
  readonly shadows: readonly StoredShadow[];
}

/** The records of a fleet and the search over them, for `npm run bench -- --only search`. */
export interface SearchAlone {
  addGroups(groups: readonly Group[]): Promise<void>;
  add(part: FleetPart): Promise<void>;
  /** From the records, as at a start; without certificates in the records, `certificateOf` says what a thing has. */
  load(certificateOf: (name: ThingName) => CertificateFacts | undefined): Promise<LoadedSearch>;
  close(): Promise<void>;
}

export interface LoadedSearch {
  readonly search: Search;
  readonly things: Things;
  /** What the registries, and then the search, took to be read. */
  readonly milliseconds: { readonly registries: number; readonly search: number };
  /** What the search's own memory is: without the registries that it is made from. */
  readonly indexBytes: number;
}

export async function openSearchAlone(
  config: StorageConfig,
  parts: { readonly clock: Clock; readonly limits: SearchLimits; readonly usedBytes: () => number },
): Promise<SearchAlone> {
  const { stores, transactor, close } = await openStorage(config);
  return {
    addGroups: (groups) =>
      transactor.transact(async (tx) => {
        for (const group of groups) await stores.groups.add(tx, group);
      }),
    add: ({ things, memberships, reports, shadows }) =>
      transactor.transact(async (tx) => {
        await stores.things.addAll(tx, things);
        await stores.groups.addThings(tx, memberships);
        await stores.shadows.save(tx, shadows);
        for (const report of reports) await stores.things.saveReport(tx, report);
      }),
    load: (certificateOf) => load({ stores, transactor }, { ...parts, certificateOf }),
    close,
  };
}

async function load(
  { stores, transactor }: { readonly stores: Stores; readonly transactor: Transactor },
  parts: Parameters<typeof openSearchAlone>[1] & {
    readonly certificateOf: (name: ThingName) => CertificateFacts | undefined;
  },
): Promise<LoadedSearch> {
  const { clock, limits, usedBytes, certificateOf } = parts;
  const beganMs = performance.now();
  const nothing = {
    transactor,
    clock,
    trail: { append: () => Promise.reject(new TypeError('nothing is changed here')) },
    announce: () => undefined,
  };
  const things = await Things.open({
    ...nothing,
    store: stores.things,
    isKnownCertificate: () => false,
    isRevoked: () => false,
    requiredOf: () => [],
    whileKept: (_, work) => work(),
    forget: async () => undefined,
  });
  const groups = await Groups.open({
    ...nothing,
    store: stores.groups,
    things,
    search: { assertQuery: nothingThere, select: nothingThere, find: nothingThere },
    policiesOn: () => 0,
    whileKept: (_, work) => work(),
  });
  const registriesMs = performance.now();
  const before = usedBytes();
  const searchBeganMs = performance.now();
  const search = await openSearch({
    clock,
    things,
    groups,
    certificatesOf: one(certificateOf),
    shadows: (range) => stores.shadows.page(range),
    limits,
  });
  const endedMs = performance.now();
  return {
    search,
    things,
    milliseconds: { registries: registriesMs - beganMs, search: endedMs - searchBeganMs },
    indexBytes: usedBytes() - before,
  };
}

function nothingThere(): never {
  throw new TypeError('there are no dynamic groups here');
}

function one(certificateOf: (name: ThingName) => CertificateFacts | undefined) {
  return (name: ThingName): readonly CertificateFacts[] => {
    const certificate = certificateOf(name);
    return certificate === undefined ? [] : [certificate];
  };
}
