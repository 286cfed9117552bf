import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { runProgram } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { type Cli, openCli, repository } from './cli.ts';

describe('a command line that cannot work', () => {
  test.for([
    { args: ['thng', 'list'], says: 'did you mean `thing`?' },
    { args: ['thing', 'lst'], says: 'did you mean `list`?' },
    { args: ['thing', 'list', '--limt', '3'], says: 'did you mean `--limit`?' },
    { args: ['thing', 'list', '--limit', 'many'], says: '--limit' },
    { args: ['thing', 'frobnicate', '--help'], says: '`fleetward thing` takes `create`, ' },
    { args: ['thing', '--url', 'https://localhost:1', 'lst', '-h'], says: 'did you mean `list`?' },
    { args: ['frobnicate', '--help'], says: '`fleetward --help` shows what there is' },
    { args: ['thing', 'create'], says: '`fleetward thing create --help`' },
    { args: ['shadow', 'update', 'a', '{"on":true}'], says: 'by `--desired`' },
    {
      args: ['job', 'create', '--thing', 'a', '--document', '{}'],
      says: '`-` for standard input',
      url: 'https://localhost:1',
    },
    { args: ['thing', 'create'], says: 'thing-name' },
    { args: ['thing', 'create', 'a', '--attribute', 'b'], says: '`--attribute b` is not `NAME=VALUE`' },
    { args: ['thing', 'update', 'a'], says: 'nothing to change is given' },
    { args: ['group', 'update', 'a'], says: 'nothing to change is given' },
    { args: ['cert', 'verify', 'a.pem'], says: '--trust' },
    { args: ['cert', 'revoke', 'a', '--reason', 'boredom'], says: 'keyCompromise' },
    { args: ['cert', 'revoke', 'lamp-7'], says: 'cert revoke --thing lamp-7' },
    { args: ['policy', 'set-default', 'p', 'x'], says: '`x` is not a version' },
    { args: ['serve', '--set', 'nonsense'], says: '--set nonsense' },
    { args: ['serve', '--set', 'listeners.mqtt.prt=1'], says: 'no setting `prt`, did you mean `port`?' },
    { args: ['serve', '--set', 'listeners.mqtt.prt=1'], says: '(in the command line)' },
    { args: ['serve', '--set', 'a=[b.list, 7]'], says: `\`--set 'a=["b.list", 7]'\`` },
    { args: ['serve', '--set', "a={kind: file, path: 'a b'}"], says: `'a={"kind": "file", "path": "a b"}'` },
    { args: ['serve', '--set', 'a=[b'], says: `put texts into double quotes, and all into single ones` },
    { args: ['serve', '--set', 'nonsence=1'], says: 'docs/reference/settings.md' },
    {
      args: ['join-token', 'create', 'a', '--expires', 'soon'],
      says: '--expires soon',
      url: 'https://localhost:1',
    },
  ])('$args: exits with 2 and says `$says`', async ({ args, says, url }) => {
    using cli = openCli();
    const environment = url === undefined ? {} : { FLEETWARD_URL: url, FLEETWARD_TOKEN: 'fwo_x' };
    const outcome = await cli.run(args, { environment });
    expect(outcome.stderr).toContain(says);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
  });

  test('is told in JSON when JSON is asked for', async () => {
    using cli = openCli();
    const outcome = await cli.run(['thing', 'lst', '--json']);
    expect(outcome.error).toMatchObject({ code: 'cli.usage', hint: 'did you mean `list`?' });
  });

  test.for([[['--json']], [['thing', '--json']]])(
    '%j without a verb is a failure in JSON',
    async ([args]) => {
      using cli = openCli();
      const outcome = await cli.run(args ?? []);
      expect(outcome.error).toMatchObject({ code: 'cli.usage' });
      expect(outcome).toMatchObject({ code: 2, stdout: '' });
    },
  );

  test('a settings file is named, and nothing is said twice', async () => {
    using cli = openCli();
    writeFileSync(cli.home.join('fleetward.yaml'), 'regio: here\n');
    const { error } = await cli.run(['serve', '--config', 'fleetward.yaml', '--json']);
    expect(error).toMatchObject({ code: 'config.invalid' });
    expect(error.message).toContain('no setting `regio`, did you mean `region`? (in `fleetward.yaml`)');
    expect(error.message).not.toContain('schema');
  });
});

describe('help', () => {
  test('a noun alone lists its verbs and exits with 2', async () => {
    using cli = openCli();
    const outcome = await cli.run(['policy']);
    expect(outcome.stderr).toContain('add-version');
    expect(outcome.code).toBe(2);
  });

  test('of a noun fits into 100 columns where there is no terminal', async () => {
    using cli = openCli();
    for (const noun of ['thing', 'cert', 'policy', 'release']) {
      const { stdout } = await cli.run([noun, '--help']);
      expect(Math.max(...stdout.split('\n').map(({ length }) => length)), noun).toBeLessThanOrEqual(100);
    }
  });

  test('of a verb has its description, an example and the global flags', async () => {
    using cli = openCli();
    const { code, stdout } = await cli.run(['cert', 'revoke', '--help']);
    expect(stdout).toContain('Revokes a certificate for ever');
    expect(stdout).toContain('$ fleetward cert revoke');
    expect(stdout).toContain('--token-file');
    expect(code).toBe(0);
  });

  test('of a verb that talks to no platform leaves out how to reach one', async () => {
    using cli = openCli();
    const { stdout } = await cli.run(['policy', 'lint', '--help']);
    expect(stdout).toContain('--json');
    expect(stdout).not.toContain('--token-file');
  });

  test('of a verb says which flags must be given', async () => {
    using cli = openCli();
    const { stdout } = await cli.run(['cert', 'transfer', '--help']);
    expect(stdout).toMatch(/--to <thing>\s+required: the thing/);
    expect(stdout).not.toMatch(/--from <thing>\s+required/);
  });

  test('of the program runs on whatever Node starts it', async () => {
    const outcome = await runProgram('node', [`${repository}/packages/cli/bin/fleetward.js`, '--version']);
    expect(outcome.stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(outcome.code).toBe(0);
  });

  test('the starter passes arguments and the exit code on', async () => {
    const outcome = await runProgram('node', [
      `${repository}/packages/cli/bin/fleetward.js`,
      'thing',
      'lst',
      '--json',
    ]);
    expect(JSON.parse(outcome.stderr)).toMatchObject({ error: { code: 'cli.usage' } });
    expect(outcome.code).toBe(2);
  });
});

describe('the tests', () => {
  test.for([
    { args: ['--version'], code: 0 },
    { args: ['policy', 'lint', '-', '--json'], input: '{"Version":', code: 1 },
    { args: ['trail', 'verify', 'missing.jsonl', '--key', 'missing.pem'], code: 2 },
  ])('see of $args in their own process what the program does in one of its own', async (given) => {
    using cli = openCli();
    const own = await cli.run(given.args, given);
    const { code, stdout, stderr } = await cli.runProcess(given.args, given);
    expect(own).toMatchObject({ code, stdout, stderr });
    expect(code).toBe(given.code);
  });
});

describe('the context', () => {
  test('without one, says what to give', async () => {
    using cli = openCli();
    const outcome = await cli.run(['thing', 'list', '--json']);
    expect(outcome.error.code).toBe('cli.not_configured');
    expect(outcome.error.hint).toContain('fleetward operator setup');
    expect(outcome.code).toBe(2);
  });

  test('that others may read is refused', async () => {
    using cli = openCli();
    const file = writeContext(cli, { url: 'https://localhost:1', token: 'fwo_secret' });
    chmodSync(file, 0o644);
    const outcome = await cli.run(['thing', 'list', '--json']);
    expect(outcome.error).toMatchObject({ code: 'cli.context_unsafe' });
    expect(outcome.code).toBe(1);
  });

  test('keeps its token from any other platform', async () => {
    using cli = openCli();
    writeContext(cli, { url: 'https://localhost:1', token: 'fwo_secret' });
    const outcome = await cli.run(['thing', 'list', '--json', '--url', 'https://localhost:2']);
    expect(outcome.error.code).toBe('cli.not_configured');
    expect(outcome.error.message).toContain('belongs to `https://localhost:1`');
    expect(outcome.stderr).not.toContain('fwo_secret');
  });

  test('a platform that does not answer is named, and the exit code is 1', async () => {
    using cli = openCli();
    writeContext(cli, { url: 'https://localhost:1', token: 'fwo_secret' });
    const outcome = await cli.run(['thing', 'list', '--json']);
    expect(outcome.error).toMatchObject({ code: 'api.unreachable' });
    expect(outcome.error.message).toContain('https://localhost:1');
    expect(outcome.stderr).not.toContain('fwo_secret');
    expect(outcome.code).toBe(1);
  });
});

describe('what is given to trust', () => {
  test('that is no certificate is named', async () => {
    using cli = openCli();
    writeFileSync(cli.home.join('ca.pem'), 'not a certificate');
    const args = ['thing', 'list', '--json', '--url', 'https://localhost:1', '--ca', 'ca.pem'];
    const outcome = await cli.run(args, { environment: { FLEETWARD_TOKEN: 'fwo_x' } });
    expect(outcome.error).toMatchObject({ code: 'cli.unreadable' });
    expect(outcome.error.message).toContain('`ca.pem` (`--ca`) holds no certificate');
    expect(outcome.code).toBe(2);
  });

  test('a context that is not JSON is named by its file', async () => {
    using cli = openCli();
    const file = writeContext(cli, {});
    writeFileSync(file, 'nonsense');
    const outcome = await cli.run(['thing', 'list', '--json']);
    expect(outcome.error).toMatchObject({ code: 'cli.unreadable' });
    expect(outcome.error.message).toContain(file);
  });
});

function writeContext(cli: Cli, context: object): string {
  mkdirSync(cli.home.join('.config/fleetward'), { recursive: true });
  const file = cli.home.join('.config/fleetward/context.json');
  writeFileSync(file, JSON.stringify(context), { mode: 0o600 });
  expect(statSync(file).mode & 0o077).toBe(0);
  return file;
}
