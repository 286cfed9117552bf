import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needs, runProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** The example of a package's README, in the midst of what it takes for granted. */
interface Example {
  /** What the example calls by names that it does not make itself. */
  readonly before?: string;
  /** What shows that it worked. */
  readonly after?: string;
  /** Texts of the example, and the expressions that stand for them here. */
  readonly instead?: Readonly<Record<string, string>>;
  /** Other files, by name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly prints: string;
}

const bytes =
  "{ bytes: (length) => new Uint8Array(node.randomBytes(length)) }; import * as node from 'node:crypto';";

const examples: Readonly<Record<string, Example>> = {
  core: { prints: '{"report":{"rpm":900},"thing":"pump-17"}\n' },

  keys: {
    before: `const random = ${bytes} const toBeSigned = new TextEncoder().encode('to be signed');`,
    instead: {
      "'/var/lib/fleetward/": "process.cwd() + '/",
      "'/opt/fleetward/signing-process-main.js'": "process.cwd() + '/entry.mts'",
    },
    files: {
      'entry.mts':
        "import { runSigningProcess } from '@fleetward/keys'; await runSigningProcess({ lints: { 'root-ca': () => undefined } });",
    },
    after: `const publicKey = node.createPublicKey({ key: Buffer.from(root.publicKey), format: 'der', type: 'spki' });
      console.log(node.verify('sha256', toBeSigned, publicKey, signature));`,
    prints: 'true\n',
  },

  mqtt: {
    instead: { '1883': '0' },
    after: `import { once } from 'node:events'; import { connectAsync } from 'mqtt';
      await once(server, 'listening');
      const client = await connectAsync('mqtt://127.0.0.1:' + server.address().port, { protocolVersion: 5 });
      await client.subscribeAsync('#', { qos: 1 });
      client.on('message', (topic) => console.log(topic));
      for (const topic of ['secret/plan', 'open/door']) await client.publishAsync(topic, '', { qos: 1 });
      await client.endAsync();
      server.close();`,
    prints: 'open/door\n',
  },

  device: {
    before: `import { initialise, loadConfig, startPlatform, systemClock, systemRandom as random } from '@fleetward/server';
      import { completeSetup, createApiClient, createJoinToken, createPolicy } from '@fleetward/protocol';
      import { encodePem } from '@fleetward/pki';
      const config = loadConfig({ environment: process.env });
      const parts = { clock: systemClock, random, environment: {} };
      const { root, setupToken } = await initialise(config, parts);
      const rootFingerprint = root.id;
      const platform = await startPlatform(config, parts);
      const to = { baseUrl: 'https://localhost:' + platform.ports.operators, ca: encodePem('CERTIFICATE', root.der) };
      const anybody = createApiClient(to);
      const { token } = await anybody.call(completeSetup, { body: { setupToken, operatorName: 'ada' } });
      const operator = createApiClient({ ...to, token: token.secret });
      const document = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Resource: '*', Action: ['iot:Connect', 'iot:Publish'] } });
      await operator.call(createPolicy, { body: { policyName: 'lamps', document } });
      const { secret: joinToken } = await operator.call(createJoinToken, { body: { namePattern: 'lamp-*', policies: ['lamps'] } });`,
    instead: {
      "'https://fleet.example:8443'": "'https://localhost:' + platform.ports.devices",
      "'mqtts://fleet.example:8883'": "'mqtts://localhost:' + platform.ports.mqtt",
      "'/var/lib/": "process.cwd() + '/",
    },
    after: `console.log(outcome.identity.name, 'has published');
      for (const api of [anybody, operator]) api.close();
      await platform.stop();`,
    prints: 'lamp-1 has published\n',
  },
};

test.for(Object.entries(examples))(
  'the example of %s does what it says',
  { timeout: 60_000 },
  async ([name, { before = '', after = '', instead = {}, files = {}, prints }]) => {
    using folder = exampleFolder();
    const example = Object.entries(instead).reduce(
      (text, [from, to]) => text.replaceAll(from, to),
      exampleOf(name),
    );
    for (const [file, text] of Object.entries({ ...files, 'example.mts': `${before}\n${example}\n${after}` }))
      writeFileSync(folder.join(file), text);
    const { code, stdout, stderr } = await runProgram(
      process.execPath,
      ['--conditions=fleetward-source', 'example.mts'],
      { folder: folder.path, environment: { PATH: process.env.PATH, ...onFreePorts } },
    );
    expect(stdout.toString(), stderr).toBe(prints);
    expect(code, stderr).toBe(0);
  },
);

needs('initdb', 'postgresql').describe('the example of testkit', () => {
  test('is a suite that passes', { timeout: 60_000 }, async () => {
    using folder = exampleFolder();
    mkdirSync(folder.join('tools/test'), { recursive: true }); // where the configuration looks
    writeFileSync(folder.join('tools/test/example.test.ts'), exampleOf('testkit'));
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', '--root', folder.path, '--config', join(root, 'vitest.config.ts')];
    const { code, stdout, stderr } = await runProgram(process.execPath, args, { folder: folder.path });
    expect(stdout.toString(), stderr).toMatch(/1 passed/);
    expect(code, stderr).toBe(0);
  });
});

test('the commands in the example of cli exist, with their flags', () => {
  const [ofAll = '', ...sections] = read('docs/reference/cli.md').split(/^## /m);
  const commands = [...read('packages/cli/README.md').matchAll(/^fleetward (.+)$/gm)].map(([line]) => line);
  expect(commands.length).toBeGreaterThan(5);
  const wrong = commands.filter((line) => {
    const section = sections.find((text) => `${line} `.startsWith(`${text.slice(0, text.indexOf('\n'))} `));
    const flags = line.match(/--[a-z-]+/g) ?? [];
    return section === undefined || flags.some((flag) => !`${ofAll}${section}`.includes(`\`${flag}`));
  });
  expect(wrong).toEqual([]);
});

const onFreePorts = Object.fromEntries(
  ['MQTT', 'DEVICES', 'PUBLIC', 'OPERATORS'].flatMap((listener) => [
    [`FLEETWARD_LISTENERS__${listener}__HOST`, '127.0.0.1'],
    [`FLEETWARD_LISTENERS__${listener}__PORT`, '0'],
  ]),
);

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function exampleOf(name: string): string {
  const example = /^```ts\n(.*?)^```$/ms.exec(read(`packages/${name}/README.md`))?.[1];
  if (example === undefined) throw new Error(`the README of \`${name}\` has no example`);
  return example;
}

function exampleFolder() {
  const folder = temporaryFolder('fleetward-readme-');
  symlinkSync(join(root, 'node_modules'), folder.join('node_modules'));
  return folder;
}
