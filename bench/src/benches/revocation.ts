import { measureRevocations } from '../revocation/measure.ts';
import { formatRevocations } from '../revocation/report.ts';
import type { LibraryBench } from './bench.ts';

/** From the call that revokes to each of its effects, with a fleet that is connected. */
export const revocation: LibraryBench = {
  name: 'revocation',
  async runAlone({ progress, signal }) {
    const found = await measureRevocations({ sessions: 2_000, revocations: 100, progress, signal });
    return { figures: { bench: this.name, ...found }, text: formatRevocations(found) };
  },
};
