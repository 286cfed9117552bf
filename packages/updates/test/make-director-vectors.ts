/**
 * Writes the vectors of a director: `node --conditions=fleetward-source test/make-director-vectors.ts`. Keys are made for the
 * purpose and forgotten. One is one refresh of a device under a director: what it trusts, what is offered, and its verdict.
 */
import { writeFileSync } from 'node:fs';
import { tufTime } from '../src/metadata/sign.ts';
import { createMemoryStore } from '../src/store/trusted-store.ts';
import { directorCases } from './director-cases.ts';
import { directedRepository, lampName, newDevice } from './kit.ts';

for (const { name, description, expected, change } of directorCases) {
  const repository = await directedRepository();
  const store = createMemoryStore();
  const { client } = await newDevice(repository, { store });
  await client.refresh();
  await change(repository);
  const trusted = ['root', 'timestamp', 'snapshot', 'targets', 'director'];
  const files = await Promise.all(trusted.map(async (role) => [role, text(await store.read(role))]));
  const offered = [...repository.files].filter(([path]) => !path.startsWith('targets/'));
  const vector = {
    description,
    startTime: tufTime(repository.clock.now()),
    thingName: lampName,
    trusted: Object.fromEntries(files),
    repository: Object.fromEntries(offered.map(([path, bytes]) => [path, text(bytes)])),
    expected,
  };
  const verdict = expected.kind === 'refreshed' ? 'valid' : 'invalid';
  const folder = new URL(`../../../conformance/vectors/director/${verdict}/`, import.meta.url);
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(vector, null, 2)}\n`);
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}
