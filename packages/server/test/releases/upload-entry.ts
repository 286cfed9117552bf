import { seededRandom } from '@fleetward/testkit';
import { openArtifactFolder } from '../../src/releases/index.ts';
import { sha256Of } from './engineer.ts';

// Started by a test that kills it: writes half of an artifact and waits for ever.
const half = new Uint8Array(50_000).fill(7);
const artifacts = await openArtifactFolder({
  path: process.argv[2] ?? '',
  random: seededRandom(4),
  artifactBytesMax: 1_000_000,
});

async function* content(): AsyncGenerator<Uint8Array> {
  yield half;
  process.stdout.write('half\n');
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

await artifacts.put(sha256Of(half), content());
