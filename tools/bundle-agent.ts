// `npm run bundle-agent -- FILE`: the update agent and all it needs as one file for Node, to be shipped with a device or
// released as its agent. `npm run bundle-agent -- FILE starter`: the same of the starter, and so is `installer` of the installer service.
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const [file, program = 'agent'] = process.argv.slice(2);
const folders: Readonly<Record<string, string>> = {
  agent: 'agent',
  starter: 'starter',
  installer: 'installer-service',
};
const folder = folders[program];
if (file === undefined || folder === undefined) {
  console.error('usage: npm run bundle-agent -- FILE [starter|installer]');
  process.exit(2);
}
const input = join(import.meta.dirname, `../packages/device/src/${folder}/main.ts`);
const conditionNames = ['fleetward-source', 'node', 'import'];
await using bundle = await rolldown({ input, platform: 'node', resolve: { conditionNames } });
await bundle.write({ file: resolve(file), format: 'esm', codeSplitting: false });
