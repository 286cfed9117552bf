import { findProgram, startPostgres, temporaryFolder } from '@fleetward/testkit';
import { searchReport, worst, worstCpuMs } from '../search/report.ts';
import { runSearch, type SearchRun, type SizeFigures } from '../search/run-search.ts';
import type { LibraryBench } from './bench.ts';

/** A page of the fleet for every documented query, and counts by every field, as the fleet grows, on both databases. */
export const search: LibraryBench = {
  name: 'search',
  async runAlone({ options, progress, signal }) {
    const run = {
      sizes: options.things,
      rounds: Math.max(2, Math.round(8 * options.seconds)),
      progress,
      signal,
    };
    const sizes = [...(await onSqlite(run)), ...(await onPostgres(run))];
    const curve = sizes.map((figures) => ({
      ...figures,
      pageP95Ms: worst(figures.pages).p95Ms,
      countP95Ms: worst(figures.counts).p95Ms,
      pageCpuP95Ms: worstCpuMs(figures.pages),
      countCpuP95Ms: worstCpuMs(figures.counts),
    }));
    return { figures: { bench: this.name, curve }, text: searchReport(sizes) };
  },
};

async function onSqlite(run: Omit<SearchRun, 'backend' | 'storage'>): Promise<readonly SizeFigures[]> {
  using folder = temporaryFolder('fleetward-search-');
  const storage = { kind: 'sqlite', folder: folder.path, transactionMs: 60_000 } as const;
  return await runSearch({ ...run, backend: 'sqlite', storage });
}

async function onPostgres(run: Omit<SearchRun, 'backend' | 'storage'>): Promise<readonly SizeFigures[]> {
  if (findProgram('postgres') === undefined) {
    run.progress('PostgreSQL is not installed (Debian: postgresql) and is left out');
    return [];
  }
  await using server = await startPostgres();
  const storage = { ...server.storage, transactionMs: 60_000 };
  return await runSearch({ ...run, backend: 'postgres', storage });
}
