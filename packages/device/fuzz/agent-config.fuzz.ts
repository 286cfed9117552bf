import { InvalidInputError } from '@fleetward/core';
import { parseAgentConfig } from '../src/agent/config.ts';
import { DeviceError } from '../src/errors.ts';

export const seeds: readonly Uint8Array[] = [
  Buffer.from(
    JSON.stringify({
      url: 'https://fleet.example:8443',
      identityFolder: '/i',
      trustedFolder: '/t',
      rootFile: '/r',
      slotsFolder: '/s',
      product: 'lamp',
      hardware: 'lamp-r1',
      probe: { kind: 'http', url: 'http://127.0.0.1/', timeoutMs: 1 },
      trial: { probeTries: 3 },
      installer: { command: ['install'], attemptsMax: 2 },
    }),
  ),
  Buffer.from(
    JSON.stringify({
      probe: [
        { kind: 'process', forMs: 1 },
        { kind: 'platform', timeoutMs: 1 },
      ],
    }),
  ),
];

/** Settings are read or refused in our own words. */
export function fuzz(input: Uint8Array): void {
  try {
    parseAgentConfig(input);
  } catch (error) {
    if (!(error instanceof DeviceError || error instanceof InvalidInputError)) throw error;
  }
}
