// A platform in a process of its own, for tests that kill it: `platform-entry.ts init|serve SETTINGS [AHEAD-MS]`, where the settings
// are JSON, and its clock may be ahead. Each step that is acknowledged is one line of JSON on standard output.
import { writeSync } from 'node:fs';
import { encodePem } from '@fleetward/pki';
import { initialise, loadConfig, startPlatform, systemClock, systemRandom } from '../../src/index.ts';

const [step = '', settings = '{}', aheadMs = '0'] = process.argv.slice(2);
const config = loadConfig({ overrides: JSON.parse(settings) as object });
const clock = { now: () => systemClock.now() + Number(aheadMs) };
const parts = { clock, random: systemRandom, environment: process.env };

function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

if (step === 'init') {
  const { setupToken, root } = await initialise(config, parts);
  say({ setupToken, rootPem: encodePem('CERTIFICATE', root.der) });
} else {
  // A test limits the size of files: the write then fails as on a broken disk, instead of the signal ending the process.
  process.on('SIGXFSZ', () => undefined);
  const platform = await startPlatform(config, parts);
  say({ ports: platform.ports });
  process.once('SIGTERM', () => void platform.stop());
  const failure = await platform.stopped;
  if (failure !== undefined) throw failure;
}
