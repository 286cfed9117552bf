// A program for the power-cut test of renewals: `renew-entry.ts URL FOLDER NOW-MS`.
import { renew } from '../src/sdk/renew.ts';

const [url = '', folder = '', nowMs = ''] = process.argv.slice(2);
const outcome = await renew({ url, folder, clock: { now: () => Number(nowMs) } });
if (outcome.kind === 'refused') throw new Error(`${outcome.status} ${outcome.reason}`);
