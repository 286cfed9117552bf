import type { LoadedSearch } from '@fleetward/server/search';

/** Milliseconds by the clock, and of processor time of the thread that searches. */
export interface Times {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly cpuP95Ms: number;
}

export interface PageFigures extends Times {
  readonly query: string;
}

export interface CountFigures extends Times {
  readonly by: string;
  readonly query?: string;
}

const pageSize = 100;
const aggregateLimit = 100;

/** Pages of one query: the first, then each from another place of the fleet on. */
export async function measurePages(
  { search, things }: LoadedSearch,
  { query, from }: { readonly query: string; readonly from: readonly string[] },
): Promise<PageFigures> {
  const times = await measure([undefined, ...from], async (after) => {
    const start =
      after === undefined ? {} : { after: after as Awaited<ReturnType<typeof search.select>>[number] };
    const { names } = await search.find({ query, limit: pageSize, ...start });
    for (const name of names) things.known(name);
  });
  return { query, ...times };
}

export async function measureCounts(
  { search }: LoadedSearch,
  { by, query, rounds }: { readonly by: string; readonly query?: string; readonly rounds: number },
): Promise<CountFigures> {
  const wanted = { by, limit: aggregateLimit, ...(query === undefined ? {} : { query }) };
  const times = await measure(Array.from({ length: rounds }), () => search.count(wanted));
  return { by, ...(query === undefined ? {} : { query }), ...times };
}

async function measure<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<Times> {
  await work(items[0]!); // compiles the code
  const wall: number[] = [];
  const cpu: number[] = [];
  for (const item of items) {
    const before = { ms: performance.now(), cpu: process.threadCpuUsage() };
    await work(item);
    wall.push(performance.now() - before.ms);
    const { user, system } = process.threadCpuUsage(before.cpu);
    cpu.push((user + system) / 1_000);
  }
  return { p50Ms: quantile(wall, 0.5), p95Ms: quantile(wall, 0.95), cpuP95Ms: quantile(cpu, 0.95) };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(100 * sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!) / 100;
}
