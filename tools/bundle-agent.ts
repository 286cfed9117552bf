// `npm run bundle-agent -- FILE`: the update agent and all it needs as one file for Node, to be shipped with a device or
// released as its agent.
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: npm run bundle-agent -- FILE');
  process.exit(2);
}
const input = join(import.meta.dirname, '../packages/device/src/agent/main.ts');
const conditionNames = ['fleetward-source', 'node', 'import'];
await using bundle = await rolldown({ input, platform: 'node', resolve: { conditionNames } });
await bundle.write({ file: resolve(file), format: 'esm', codeSplitting: false });
