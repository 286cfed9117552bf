import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { type Cli, openCli } from './cli.ts';

const freePorts = Object.fromEntries(
  ['MQTT', 'DEVICES', 'PUBLIC', 'OPERATORS'].flatMap((name) => [
    [`FLEETWARD_LISTENERS__${name}__HOST`, '127.0.0.1'],
    [`FLEETWARD_LISTENERS__${name}__PORT`, '0'],
  ]),
);

const initArgs = ['init', '--folder', 'data', '--json'];

interface Made {
  readonly setupToken: string;
  readonly rootFingerprint: string;
  readonly rootCaFile: string;
  readonly trailPublicKeyFile: string;
}

async function init(cli: Cli, ...more: readonly string[]): Promise<Made> {
  const outcome = await cli.run([...initArgs, ...more], { environment: freePorts });
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  return outcome.json[0] as Made;
}

/** A platform in a process of its own, and the address of its operators listener. */
async function serve(cli: Cli) {
  const process = cli.start(['serve', '--folder', 'data', '--json', '--set', 'logLevel=silent'], {
    environment: freePorts,
  });
  const output = await process.waitForOutput(/"event":"ready".*\n/);
  const { ports } = JSON.parse(output.trim().split('\n').at(-1) ?? '');
  return { process, url: `https://localhost:${ports.operators}` };
}

// As its users have it: every command is a process of its own.
test('from nothing to an operator who may act, and an end in order on SIGTERM', async () => {
  using cli = openCli();
  const initialised = await cli.runProcess(initArgs, { environment: freePorts });
  expect(initialised).toMatchObject({ code: 0, stderr: '' });
  const made = initialised.json[0] as Made;
  expect(readFileSync(made.rootCaFile, 'utf8')).toContain('BEGIN CERTIFICATE');
  expect(readFileSync(made.trailPublicKeyFile, 'utf8')).toContain('BEGIN PUBLIC KEY');

  const { process, url } = await serve(cli);
  await using running = process;
  const setup = [
    'operator',
    'setup',
    'ada',
    '--url',
    url,
    '--ca',
    made.rootCaFile,
    '--setup-token-file',
    '-',
    '--json',
  ];
  const done = await cli.runProcess(setup, { input: `${made.setupToken}\n` });
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout).not.toContain('fwo_');
  expect(statSync(cli.home.join('.config/fleetward/context.json')).mode & 0o777).toBe(0o600);

  expect((await cli.runProcess(['operator', 'whoami', '--json'])).json).toMatchObject([{ name: 'ada' }]);
  const again = await cli.runProcess(setup, { input: made.setupToken });
  expect(again).toMatchObject({ code: 1, error: { code: 'operators.setup_refused' } });
  expect(await running.stop('SIGTERM')).toMatchObject({ code: 0, signal: null });
});

test('SIGINT ends it in order too', async () => {
  using cli = openCli();
  await init(cli);
  const { process } = await serve(cli);
  expect(await process.stop('SIGINT')).toMatchObject({ code: 0, signal: null });
});

test('a folder is initialised once; a lost setup token is replaced', async () => {
  using cli = openCli();
  const first = await init(cli);
  const again = await cli.run(['init', '--folder', 'data', '--json']);
  expect(again).toMatchObject({ code: 1, error: { code: 'init.already_initialised' } });
  const second = await init(cli, '--new-setup-token');
  expect(second.rootFingerprint).toBe(first.rootFingerprint);
  expect(second.setupToken).not.toBe(first.setupToken);
});

test('serving a folder that holds no platform says what to do, and leaves nothing running', async () => {
  using cli = openCli();
  const outcome = await cli.runProcess(['serve', '--folder', 'empty', '--json', '--set', 'logLevel=silent'], {
    environment: freePorts,
  });
  expect(outcome).toMatchObject({ code: 1, error: { code: 'platform.not_initialised' } });
  expect(outcome.stderr).toContain('fleetward init');
  expect(existsSync(cli.home.join('empty'))).toBe(false);
  const rotated = await cli.run(['master-key', 'rotate', '--folder', 'empty', '--json']);
  expect(rotated).toMatchObject({ code: 1, error: { code: 'platform.not_initialised' } });
  expect(existsSync(cli.home.join('empty'))).toBe(false);
});

test('a folder that the system does not give is told with what to do', async () => {
  using cli = openCli();
  writeFileSync(cli.home.join('file'), '');
  const outcome = await cli.run(['init', '--folder', 'file/data', '--json']);
  expect(outcome).toMatchObject({ code: 1, error: { code: 'cli.folder_unusable' } });
  expect(outcome.error.hint).toContain('--folder');
});

test('a port that is taken is told with its listener and its setting', async () => {
  using cli = openCli();
  await init(cli);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const args = ['serve', '--folder', 'data', '--json', '--set', 'logLevel=silent'];
  const outcome = await cli.runProcess([...args, '--set', `listeners.devices.port=${port}`], {
    environment: freePorts,
  });
  taken.close();
  expect(outcome).toMatchObject({ code: 1, error: { code: 'listener.unavailable' } });
  expect(outcome.error.message).toContain(`port ${port}`);
  expect(outcome.error.message).toContain('--set listeners.devices.port=');
});

test('a platform of another authority is told from one that does not answer', async () => {
  using cli = openCli();
  await init(cli);
  const other = await cli.run(['init', '--folder', 'other', '--json']);
  const { rootCaFile } = other.json[0] as Made;
  const { process, url } = await serve(cli);
  await using running = process;
  const args = ['thing', 'list', '--json', '--url', url, '--ca', rootCaFile];
  const outcome = await cli.run(args, { environment: { FLEETWARD_TOKEN: 'fwo_x' } });
  expect(outcome).toMatchObject({ code: 1, error: { code: 'cli.untrusted' } });
  expect(outcome.error.message).toContain(`does not chain to \`${rootCaFile}\``);
  expect(await running.stop('SIGTERM')).toMatchObject({ code: 0 });
});

test('flags win over the environment, and that over the settings file', async () => {
  using cli = openCli();
  writeFileSync(cli.home.join('fleetward.yaml'), 'folder: from-file\nnode: node-file\nregion: region-file\n');
  const environment = { FLEETWARD_FOLDER: 'from-environment', FLEETWARD_NODE: 'node-environment' };
  const args = ['init', '--config', 'fleetward.yaml', '--folder', 'from-flag', '--json'];
  expect(await cli.run(args, { environment })).toMatchObject({ code: 0 });
  expect(existsSync(cli.home.join('from-flag'))).toBe(true);
  expect(existsSync(cli.home.join('from-file'))).toBe(false);
});

test('the master key is rotated while the platform is stopped, and the old one is not needed any more', async () => {
  using cli = openCli();
  await init(cli);
  writeFileSync(cli.home.join('new.key'), 'c0ffee00'.repeat(8), { mode: 0o600 });
  const settings = (previous: string) =>
    `folder: ${cli.home.join('data')}\nmasterKey: { kind: file, path: ${cli.home.join('new.key')} }\n${previous}`;
  const file = cli.home.join('fleetward.yaml');
  writeFileSync(file, settings('previousMasterKeys: [{ kind: file, path: master.key }]\n'));
  const rotated = await cli.run(['master-key', 'rotate', '--config', file, '--json']);
  expect(rotated).toMatchObject({ code: 0, stderr: '', json: [{ rewrapped: 8 }] });
  writeFileSync(file, settings(''));
  const again = await cli.runProcess(['master-key', 'rotate', '--config', file, '--json']);
  expect(again).toMatchObject({ code: 0, stderr: '', json: [{ rewrapped: 0 }] });
});
