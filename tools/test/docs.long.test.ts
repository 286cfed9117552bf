import { globSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needs, runProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { type DocBlock, docBlocks } from '../doc-blocks.ts';
import { openShellSession, type ShellSession } from '../shell-session.ts';

const root = join(import.meta.dirname, '../..');

/** Documents whose commands are run in this order, in one terminal, on one platform. */
const stories = {
  readme: ['README.md'],
  policy: ['docs/policy.md'],
  prove: ['docs/how-to/prove-a-policy.md'],
  aws: ['docs/migrate-from-aws-iot.md'],
  hsm: ['docs/how-to/keys-in-an-hsm.md'],
  root: ['docs/how-to/offline-root.md'],
  jobs: ['docs/how-to/give-things-jobs.md'],
  sdk: ['docs/how-to/write-a-device.md'],
  fleet: [
    'docs/tutorials/first-device.md',
    'docs/how-to/read-a-denial.md',
    'docs/policy.md',
    'docs/how-to/least-privilege.md',
    'docs/how-to/prove-a-policy.md',
    'docs/updates.md',
    'docs/how-to/update-a-device.md',
    'docs/device.md',
    'docs/how-to/shadows.md',
    'docs/how-to/revoke.md',
    'docs/how-to/vendor-ca.md',
    'docs/how-to/issue-certificates.md',
    'docs/how-to/import-a-fleet.md',
    'docs/how-to/keep-order-in-a-fleet.md',
    'docs/how-to/provision-a-fleet.md',
    'docs/how-to/rotate-a-ca.md',
    'docs/how-to/ml-dsa.md',
    'docs/how-to/verify-the-trail.md',
    'docs/how-to/audit-issuance.md',
  ],
} as const satisfies Record<string, readonly string[]>;

/** Run where a platform with the settings that they need is there already. */
const elsewhere = ['docs/how-to/roll-out-an-update.md roll-out']; // packages/cli/test/roll-out.long.test.ts

const storyTimeoutMs = 360_000;

// Free ports of the loopback interface instead of those in the text.
const listeners = ['MQTT', 'DEVICES', 'PUBLIC', 'OPERATORS'].flatMap((name) => [
  [`FLEETWARD_LISTENERS__${name}__HOST`, '127.0.0.1'],
  [`FLEETWARD_LISTENERS__${name}__PORT`, '0'],
]);
const portsInText = { mqtt: '8883', devices: '8443', public: '8080', operators: '9443' } as const;

needs('openssl', 'openssl').describe('the commands of the documentation', () => {
  needs('curl', 'curl').describe('run', () => {
    needs('mosquitto_pub', 'mosquitto-clients').describe('as they are written', () => {
      const { hsm, fleet, ...others } = stories;
      test.for(Object.entries(others))('%s', { timeout: storyTimeoutMs }, follow);
      needs('jq', 'jq').describe('with answers in JSON taken apart', () => {
        test('fleet', { timeout: storyTimeoutMs }, (context) => follow(['fleet', fleet], context));
      });
      needs('softhsm2-util', 'softhsm2').describe('with a token', () => {
        needs('g++', 'g++').describe('and its driver compiled', () => {
          test('hsm', { timeout: storyTimeoutMs }, async (context) => {
            // With this machine's settings of npm, and however long it takes: the block of the page finds it done.
            const builder = join(root, 'tools/pkcs11/build.mjs');
            const built = await runProgram(process.execPath, [builder], {
              environment: process.env,
              timeoutMs: storyTimeoutMs / 2,
            });
            expect(built.code, built.stderr).toBe(0);
            await follow(['hsm', hsm], context);
          });
        });
      });
    });
  });
});

async function follow(
  [story, files]: readonly [string, readonly string[]],
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  using folder = temporaryFolder('fleetward-docs-');
  await using session = openShellSession({
    folder: folder.path,
    // What runs this is installed: the script must not install anew below other tests.
    prelude: `cd '${root}'; node() { :; }; . tools/commands.sh; unset -f node; cd '${folder.path}'`,
    environment: {
      PATH: process.env.PATH,
      HOME: folder.path,
      // Some forty short programs, mostly spent on compiling the same files.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? folder.join('compiled'),
      ...Object.fromEntries(listeners),
    },
    blockTimeoutMs: 60_000,
  });
  // A test that ran out of time is left where it stands: what its blocks started must not outlive it.
  signal.addEventListener('abort', () => void session[Symbol.asyncDispose]());
  const blocks = files.flatMap((file) => docBlocks(readFileSync(join(root, file), 'utf8'), { file, story }));
  expect(blocks.length).toBeGreaterThan(3);
  await tell(blocks, session);
}

test('the example of the server’s README starts a platform and stops it', {
  timeout: storyTimeoutMs,
}, async () => {
  using folder = temporaryFolder('fleetward-docs-');
  const example = /^```ts\n(.*?)^```$/ms.exec(
    readFileSync(join(root, 'packages/server/README.md'), 'utf8'),
  )?.[1];
  writeFileSync(folder.join('example.mts'), example ?? '');
  symlinkSync(join(root, 'node_modules'), folder.join('node_modules'));
  const run = await runProgram(process.execPath, ['--conditions=fleetward-source', 'example.mts'], {
    folder: folder.path,
    environment: { PATH: process.env.PATH, ...Object.fromEntries(listeners) },
  });
  expect(run.stdout.toString(), run.stderr).toMatch(
    /^give this to the first operator: fws_\S+\nMQTT on port \d+\n$/,
  );
  expect(run.code).toBe(0);
});

test('every block that is marked to be run is run', () => {
  const told = new Set([
    ...Object.entries(stories).flatMap(([story, files]) => files.map((file) => `${file} ${story}`)),
    ...elsewhere,
  ]);
  const marked = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^ *```sh .*?test=(\S+)/gm)].map(
      (match) => `${file} ${match[1]}`,
    ),
  );
  expect(new Set(marked)).toEqual(told);
});

test('a block of a list is read as it is typed, without what it is indented by', () => {
  const markdown = '1. So:\n   ```sh test=a\n   ls |\n     sort\n   ```\n';
  expect(docBlocks(markdown, { file: 'x.md', story: 'a' })).toMatchObject([
    { line: 3, script: 'ls |\n  sort\n' },
  ]);
});

test('a block is read with its place, what it should print, and whether it goes on', () => {
  const markdown = '```sh test=a until=up\nserve # → up\n```\ntext\n```sh\nls\n```\n```sh test=b\nls\n```\n';
  expect(docBlocks(markdown, { file: 'x.md', story: 'a' })).toEqual([
    { file: 'x.md', line: 2, script: 'serve # → up\n', expected: ['up'], untilOutput: 'up' },
  ]);
});

async function tell(blocks: readonly DocBlock[], session: ShellSession): Promise<void> {
  const ports = new Map<string, string>();
  for (const block of blocks) {
    const script = block.script.replace(/\b(8883|8443|8080|9443)\b/g, (port) => ports.get(port) ?? port);
    const output = await session.run({ ...block, script });
    for (const text of block.expected) expect(output, `${block.file}:${block.line}`).toContain(text);
    for (const [listener, port] of Object.entries(portsInText)) {
      const taken = new RegExp(`^${listener}\\s+(\\d+)\\s`, 'm').exec(output)?.[1];
      if (block.untilOutput !== undefined && taken !== undefined) ports.set(port, taken);
    }
  }
}
