import { parseConfigData, withConfigData } from '../src/ddi/config-data.ts';
import { DdiError } from '../src/ddi/errors.ts';
import { meaningOf, parseConfirmation, parseFeedback } from '../src/ddi/feedback.ts';
import { parseInstalledBase } from '../src/ddi/installed-base.ts';

const limits = { bodyBytesMax: 65_536, jsonDepthMax: 8, attributesMax: 50 };
const feedback = (execution: string, finished: string) => ({
  id: '',
  time: '20261127T004356',
  status: { execution, result: { finished, progress: { cnt: 1, of: 2 } }, details: ['one', 'two é'] },
});

export const seeds: readonly Uint8Array[] = [
  feedback('closed', 'failure'),
  feedback('proceeding', 'none'),
  { mode: 'merge', data: { product: 'pump', hardware: 'rev1', version: '1.0.0', floor: 3, wet: false } },
  { confirmation: 'denied', code: 1, details: [] },
  { name: 'pump', version: '1.0.0' },
].map((body) => Buffer.from(JSON.stringify(body)));

/** Whatever a client sends is read within its bounds, or refused with words for the operator. */
export function fuzz(input: Uint8Array): void {
  reading(() => {
    const meaning = meaningOf(parseFeedback(input, limits));
    if ((meaning?.explanation?.length ?? 0) > 1_000) throw new Error('an explanation without bound');
  });
  reading(() => parseConfirmation(input, limits));
  reading(() => parseInstalledBase(input, limits));
  reading(() => {
    const after = withConfigData({ product: 'lamp' }, parseConfigData(input, limits), limits);
    if (Object.keys(after).length > limits.attributesMax) throw new Error('attributes without bound');
  });
}

function reading(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof DdiError)) throw error;
  }
}
