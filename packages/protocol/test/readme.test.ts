import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as protocol from '../src/index.ts';
import { startServer, type TestServer } from './test-server.ts';

let server: TestServer;

beforeAll(async () => {
  const life = { tags: {}, lifecycleState: 'manufactured', groupNames: [], connected: false };
  const thing = { thingName: 'lamp-1', attributes: {}, createdAtMs: 0, ...life };
  server = await startServer((_, response) => response.end(JSON.stringify({ things: [thing] })));
});

afterAll(() => server.stop());

async function runExample(token: string | undefined, baseUrl: string): Promise<readonly unknown[]> {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const { names, body } =
    /```ts\nimport \{ (?<names>[^}]+) \} from[^\n]+\n(?<body>[\s\S]+?)```/.exec(readme)?.groups ?? {};
  const said: unknown[] = [];
  const console = { log: (value: unknown) => said.push(value), error: (code: unknown) => said.push(code) };
  const given = { protocol, baseUrl, ca: server.certificate, token, console };
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  const run = new AsyncFunction(...Object.keys(given), `const { ${names} } = protocol; ${body}`);
  await run(...Object.values(given));
  return said;
}

test('the example of the README prints what it says, and why it could not', async () => {
  expect(await runExample('fwo_test', server.baseUrl)).toEqual([['lamp-1']]);
  expect(await runExample('fwo_test', 'https://localhost:1')).toEqual(['api.unreachable']);
});
