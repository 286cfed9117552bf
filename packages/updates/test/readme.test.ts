import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as updates from '../src/index.ts';
import { collectingSink, publishedRepository } from './kit.ts';

it('runs the example of the README', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example =
    /```ts\nimport \{ (?<names>[^}]+) \} from '@fleetward\/updates';\n(?<body>[^`]+(?:`[^`]+`[^`]+)*)```/.exec(
      readme,
    )?.groups;
  const folder = await mkdtemp(join(tmpdir(), 'fleetward-readme-'));
  const repository = await publishedRepository();
  await repository.release('lamp/1.1.0.img', new Uint8Array([1, 2, 3]));
  const sink = collectingSink();
  const given = {
    updates,
    sink,
    fetcher: repository.fetcher,
    rootFromManufacture: repository.firstRoot,
    Date: repository.clock,
  };
  const body = (example?.body ?? '').replace('/var/lib/lamp', folder);
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  await new AsyncFunction(...Object.keys(given), `const { ${example?.names} } = updates; ${body}`)(
    ...Object.values(given),
  );
  expect(sink.bytes()).toEqual(new Uint8Array([1, 2, 3]));
  await rm(folder, { recursive: true });
});
