import { systemClock } from '@fleetward/server';
import { type LoadedSearch, openSearchAlone, type SearchAlone } from '@fleetward/server/search';
import { documentedQueries } from './documented-queries.ts';
import { certificateOf, fleetPart, groups, nameOf, presenceOf } from './fleet.ts';
import { type CountFigures, measureCounts, measurePages, type PageFigures } from './measure.ts';
import { usedBytes } from './used-bytes.ts';

export type Backend = 'sqlite' | 'postgres';

/** What was found of a fleet of one size in one database. */
export interface SizeFigures {
  readonly backend: Backend;
  readonly things: number;
  readonly fillSeconds: number;
  readonly registriesSeconds: number;
  readonly indexSeconds: number;
  readonly indexBytes: number;
  readonly indexBytesPerThing: number;
  readonly pages: readonly PageFigures[];
  readonly counts: readonly CountFigures[];
}

export interface SearchRun {
  readonly backend: Backend;
  readonly storage: Parameters<typeof openSearchAlone>[0];
  readonly sizes: readonly number[];
  /** Pages of each query, and half as many counts by each field. */
  readonly rounds: number;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

const countedFields = [
  'type',
  'group',
  'attribute.site',
  'attribute.floor',
  'attribute.serial',
  'firmware',
  'product',
  'hardware',
  'agent',
  'update',
  'battery',
  'report.age',
  'created.age',
  'cert.state',
  'cert.expiresIn',
  'connected',
  'connected.age',
  'disconnectReason',
  'flapping',
  'tls.version',
  'state',
  'tag.batch',
  'shadow.reported.fw',
  'shadow.reported.mode',
  'shadow.reported.boot',
];
const countedQuery = 'connected:true and not firmware>=2.1';
const partSize = 1_000;

/** Grows one fleet from size to size; at each, its records are read as at a start and searched. */
export async function runSearch(run: SearchRun): Promise<readonly SizeFigures[]> {
  const limits = {
    queryLengthMax: 4_096,
    queryTermsMax: 64,
    queryDepthMax: 16,
    attributesMax: 64,
    shadowFields: [
      'shadow.reported.fw',
      'shadow.reported.mode',
      'shadow.desired.mode',
      'shadow.reported.boot',
      'shadow.name.config.reported.interval',
    ],
    shadowTextLengthMax: 128,
    searchesMax: 8,
  };
  const alone = await openSearchAlone(run.storage, { clock: systemClock, limits, usedBytes });
  try {
    await alone.addGroups(groups.map((group) => ({ ...group, tags: {}, createdAtMs: systemClock.now() })));
    const found: SizeFigures[] = [];
    let from = 0;
    for (const things of run.sizes) {
      found.push(await measureSize(alone, { ...run, from, things }));
      from = things;
    }
    return found;
  } finally {
    await alone.close();
  }
}

async function measureSize(
  alone: SearchAlone,
  run: SearchRun & { readonly from: number; readonly things: number },
): Promise<SizeFigures> {
  const { backend, things, progress } = run;
  const title = `search, ${things} things on ${backend}`;
  progress(`${title}: making them`);
  const beganMs = performance.now();
  await fill(alone, run);
  const fillMs = performance.now() - beganMs;
  progress(`${title}: reading them`);
  const loaded = await load(alone, things);
  progress(`${title}: searching`);
  const { milliseconds, indexBytes } = loaded;
  return {
    backend,
    things,
    fillSeconds: seconds(fillMs),
    registriesSeconds: seconds(milliseconds.registries),
    indexSeconds: seconds(milliseconds.search),
    indexBytes,
    indexBytesPerThing: Math.round(indexBytes / things),
    ...(await measureAll(loaded, run)),
  };
}

async function fill(
  alone: SearchAlone,
  { from, things, signal }: { readonly from: number; readonly things: number; readonly signal: AbortSignal },
): Promise<void> {
  for (let at = from; at < things; at += partSize) {
    signal.throwIfAborted();
    const count = Math.min(partSize, things - at);
    await alone.add(fleetPart({ from: at, count }, systemClock.now()));
  }
}

/** What devices do while the platform runs comes after the start: who is connected is nowhere recorded. */
async function load(alone: SearchAlone, things: number): Promise<LoadedSearch> {
  const nowMs = systemClock.now();
  const numberOf = (name: string): number => Number(name.slice(name.indexOf('-') + 1));
  const loaded = await alone.load((name) => certificateOf(numberOf(name), nowMs));
  for (let n = 0; n < things; n++) loaded.search.present(nameOf(n), presenceOf(n, nowMs));
  return loaded;
}

async function measureAll(
  loaded: LoadedSearch,
  { things, rounds, signal }: SearchRun & { readonly things: number },
): Promise<Pick<SizeFigures, 'pages' | 'counts'>> {
  const from = Array.from({ length: rounds - 1 }, (_, at) =>
    nameOf(Math.floor(((at + 0.5) * things) / rounds)),
  );
  const pages: PageFigures[] = [];
  for (const query of documentedQueries()) {
    signal.throwIfAborted();
    pages.push(await measurePages(loaded, { query, from }));
  }
  const counts: CountFigures[] = [];
  for (const by of countedFields) {
    signal.throwIfAborted();
    const some = { by, rounds: Math.ceil(rounds / 2) };
    counts.push(await measureCounts(loaded, some));
    counts.push(await measureCounts(loaded, { ...some, query: countedQuery }));
  }
  return { pages, counts };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
