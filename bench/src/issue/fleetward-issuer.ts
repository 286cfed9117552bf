import { initialise, loadConfig, systemClock, systemRandom } from '@fleetward/server';
import { openIssuanceAlone } from '@fleetward/server/issuance';
import { temporaryFolder } from '@fleetward/testkit';
import { cpuSeconds } from '../cpu-seconds.ts';
import type { Issuer } from './issuer.ts';

const batchSize = 256;
/** So that the signing process has something to do while the other checks requests. */
const batchesAtOnce = 3;

/** The platform's own: checks each CSR, lints, signs in the signing process, verifies, and has the records durable in SQLite. */
export async function fleetwardIssuer(): Promise<Issuer> {
  const folder = temporaryFolder('fleetward-issue-');
  const config = loadConfig({ overrides: { folder: folder.join('platform'), logLevel: 'error' } });
  const parts = { clock: systemClock, random: systemRandom, environment: process.env };
  await initialise(config, parts);
  const alone = await openIssuanceAlone(config, parts);
  return {
    name: 'fleetward',
    issue: (csrs) => inBatches(csrs, alone.issue),
    cpuSeconds: () => cpuSeconds(process.pid) + cpuSeconds(alone.signingPid),
    stop: async () => {
      await alone.close();
      folder.remove();
    },
  };
}

async function inBatches(
  csrs: readonly Uint8Array[],
  issue: (batch: readonly Uint8Array[]) => Promise<void>,
): Promise<void> {
  let at = 0;
  const work = async (): Promise<void> => {
    while (at < csrs.length) {
      const batch = csrs.slice(at, at + batchSize);
      at += batchSize;
      await issue(batch);
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, work));
}
