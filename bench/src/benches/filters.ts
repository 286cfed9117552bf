import { median, rounded } from '../figures.ts';
import type { LoadResult } from '../load/run-load.ts';
import { formatTable } from '../report.ts';
import { deviceCount, filtersWorkload } from '../workloads.ts';
import { type Bench, inRounds } from './bench.ts';
import { runWorkload } from './throughput.ts';

const [few, many] = [filtersWorkload(100), filtersWorkload(10_000)];

interface Pair {
  readonly few: readonly LoadResult[];
  readonly many: readonly LoadResult[];
}

/** What a message to ten subscribers costs among 10,000 filters with wildcards, against 100. Every message has a topic of its own. */
export const filters: Bench = {
  name: 'filters',
  devices: deviceCount(many),
  async run(field) {
    const brokers = field.brokers.filter(({ name }) => name !== 'floor');
    // There and back again: what gets better or worse meanwhile is shared by both.
    const measure = async (broker: (typeof brokers)[number]): Promise<Pair> => {
      const results: LoadResult[] = [];
      for (const each of [few, many, many, few]) results.push(await runWorkload(each, { broker, field }));
      return {
        few: results.filter((_, turn) => turn % 3 === 0),
        many: results.filter((_, turn) => turn % 3 !== 0),
      };
    };
    const runs = await inRounds(this.name, field, measure, brokers);
    const found = brokers.map(({ name }) => ({ broker: name, ...figuresOf(runs[name] ?? []) }));
    const rows = found.map(({ broker, fewMicroseconds, manyMicroseconds, costRatio, lost }) => [
      broker,
      `${fewMicroseconds}`,
      `${manyMicroseconds}`,
      `${costRatio.toFixed(2)}×`,
      `${lost}`,
    ]);
    const head = ['', 'µs CPU, 100 filters', '10,000 filters', 'cost', 'lost'];
    const title =
      'filters: 1 message to 10 of the subscribers, wildcards, a new topic each time; a delivery costs';
    return {
      figures: { bench: this.name, rounds: field.options.rounds, brokers: found },
      text: formatTable(title, head, rows),
    };
  },
};

function figuresOf(pairs: readonly Pair[]) {
  const sum = (results: readonly LoadResult[], of: (result: LoadResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const cost = (results: readonly LoadResult[]) =>
    sum(results, ({ brokerCpuSeconds }) => brokerCpuSeconds * 1e6) /
    sum(results, ({ deliveries }) => deliveries);
  return {
    fewMicroseconds: rounded(median(pairs.map((pair) => cost(pair.few)))),
    manyMicroseconds: rounded(median(pairs.map((pair) => cost(pair.many)))),
    costRatio: rounded(median(pairs.map((pair) => cost(pair.many) / cost(pair.few)))),
    lost: pairs.reduce((total, pair) => total + sum([...pair.few, ...pair.many], ({ lost }) => lost), 0),
  };
}
