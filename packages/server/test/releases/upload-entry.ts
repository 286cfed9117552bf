import { openArtifactFolder } from '../../src/releases/index.ts';
import { sha256Of } from './engineer.ts';

// Started by a test that kills it: is told of half of an artifact, says how much is there, and waits for ever.
const content = new Uint8Array(100_000).fill(7);
const artifacts = await openArtifactFolder({
  path: process.argv[2] ?? '',
  artifactBytesMax: 1_000_000,
  uploadsMax: 1,
  unfinishedMax: 1,
});

async function* half(): AsyncGenerator<Uint8Array> {
  yield content.subarray(0, 50_000);
  process.stdout.write(`half: ${await artifacts.receivedBytes(sha256Of(content))}\n`);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

await artifacts.put(sha256Of(content), { bytes: half(), fromByte: 0 });
