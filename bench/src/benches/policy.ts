import { benchGlobs } from '../policy/glob-bench.ts';
import { benchCached, benchFresh } from '../policy/policy-bench.ts';
import { formatDecisions, formatGlobs } from '../policy/report.ts';
import type { LibraryBench } from './bench.ts';

/** Policy decisions beside casbin and Cedar, and what matching costs a byte. */
export const policy: LibraryBench = {
  name: 'policy',
  async runAlone({ options, progress, signal }) {
    const measuring = { seconds: options.seconds, rounds: options.rounds, signal };
    progress(`${this.name}: a principal compiled once`);
    const cached = await benchCached(measuring);
    progress(`${this.name}: a new principal for each decision`);
    const fresh = await benchFresh(measuring);
    progress(`${this.name}: patterns`);
    const globs = benchGlobs(measuring);
    const texts = [formatDecisions(cached), formatDecisions(fresh), formatGlobs(globs)];
    return { figures: { bench: this.name, cached, fresh, globs }, text: texts.join('\n') };
  },
};
