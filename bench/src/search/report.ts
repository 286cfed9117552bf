import type { Times } from './measure.ts';
import type { SizeFigures } from './run-search.ts';

/** The curve, and every query and count of the largest fleets. */
export function searchReport(sizes: readonly SizeFigures[]): string {
  const most = Math.max(...sizes.map(({ things }) => things));
  const largest = sizes.filter(({ things }) => things === most);
  return [
    'search: a page of 100 of every query in docs/reference/search.md, and counts by every field; milliseconds',
    row([
      'records',
      'things',
      'read s',
      'index s',
      'index MB',
      'B/thing',
      'page p50',
      'p95',
      'CPU p95',
      'count p50',
      'p95',
      'CPU p95',
    ]),
    ...sizes.map(curveRow),
    ...largest.flatMap(details),
    '',
  ].join('\n');
}

function curveRow(figures: SizeFigures): string {
  const { backend, things, registriesSeconds, indexSeconds, indexBytes, indexBytesPerThing } = figures;
  const [page, count] = [worst(figures.pages), worst(figures.counts)];
  return row([
    backend,
    things.toLocaleString('en'),
    registriesSeconds,
    indexSeconds,
    Math.round(indexBytes / 1e6),
    indexBytesPerThing,
    page.p50Ms,
    page.p95Ms,
    worstCpuMs(figures.pages),
    count.p50Ms,
    count.p95Ms,
    worstCpuMs(figures.counts),
  ]);
}

/** Of the slowest query. */
export function worst<Figures extends Times>(all: readonly Figures[]): Figures {
  return all.reduce((slowest, one) => (one.p95Ms > slowest.p95Ms ? one : slowest));
}

/** Of whatever took most processor time: the clock may have another one for the slowest. */
export function worstCpuMs(all: readonly Times[]): number {
  return Math.max(...all.map(({ cpuP95Ms }) => cpuP95Ms));
}

function details({ backend, things, pages, counts }: SizeFigures): readonly string[] {
  const times = ({ p50Ms, p95Ms, cpuP95Ms }: Times) =>
    [p50Ms, p95Ms, cpuP95Ms].map((ms) => ms.toFixed(1).padStart(9)).join('');
  return [
    `  ${things.toLocaleString('en')} things on ${backend}: p50, p95, p95 of processor time`,
    ...pages.map((figures) => `  ${times(figures)}  ${figures.query}`),
    ...counts.map(
      (figures) =>
        `  ${times(figures)}  by ${figures.by}${figures.query === undefined ? '' : ` of ${figures.query}`}`,
    ),
  ];
}

function row(cells: readonly (string | number)[]): string {
  return `  ${cells.map((cell) => String(cell).padStart(10)).join('')}`;
}
