import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Cli, openCli } from './cli.ts';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID';
const telemetry = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/\${iot:Connection.Thing.ThingName}` },
    {
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: `${arn}:topic/telemetry/\${iot:Connection.Thing.ThingName}`,
    },
  ],
};
const wide = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }] };

function write(cli: Cli, name: string, content: unknown): string {
  const file = cli.home.join(name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

describe('policy lint', () => {
  test('has nothing to say about a sound document, and exits with 0', async () => {
    using cli = openCli();
    const outcome = await cli.run(['policy', 'lint', write(cli, 'telemetry.json', telemetry)]);
    expect(outcome).toMatchObject({ code: 0, stdout: '' });
  });

  test('prints what is not meant like a compiler, with a fix, and exits with 1', async () => {
    using cli = openCli();
    const file = write(cli, 'wide.json', wide);
    const outcome = await cli.run(['policy', 'lint', file]);
    const text = JSON.stringify(wide);
    const column = text.indexOf('"iot:*"');
    expect(outcome.stdout).toContain(
      [
        `wide.json:1:${column + 1}: error[overly-permissive]: \`iot:*\` allows every action, also those of later versions`,
        `  1 | ${text}`,
        `    | ${' '.repeat(column)}^^^^^^^`,
      ].join('\n'),
    );
    expect(outcome.stdout).toContain('  fix: ');
    expect(outcome.code).toBe(1);
  });

  test('marks the place in its line, and of a missing member the statement without it', async () => {
    using cli = openCli();
    const text = `{\n  "Version": "2012-10-17",\n  "Statement": [\n\t{ "Effect": "Allow", "Action": "iot:Publsh" }\n  ]\n}`;
    const { stdout } = await cli.run(['policy', 'lint', write(cli, 'marked.json', text)]);
    expect(
      stdout,
    ).toContain(`marked.json:4:33: error[policy.invalid]: the action \`iot:Publsh\` is not supported
  4 |  { "Effect": "Allow", "Action": "iot:Publsh" }
    |                                 ^^^^^^^^^^^^
  fix: expected an action such as "iot:Publish", or "iot:*"`);
    expect(stdout).toContain(`marked.json:4:2: error[policy.invalid]: neither is given
  4 |  { "Effect": "Allow", "Action": "iot:Publsh" }
    |  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^`);
  });

  test('shows the part of a long line around what it marks, and nothing that acts on a terminal', async () => {
    using cli = openCli();
    const long = {
      ...telemetry,
      Statement: [...telemetry.Statement, { Effect: 'Allow', Action: 'iot:\u001b[2J', Resource: '*' }],
    };
    const { stdout } = await cli.run([
      'policy',
      'lint',
      write(cli, 'long.json', JSON.stringify(long).replace('\\u001b', '\u009b')),
    ]);
    for (const line of stdout.split('\n'))
      if (line.startsWith('  1 |')) expect(line.length).toBeLessThan(140);
    expect(stdout).not.toMatch(/[\u001b\u009b]/);
  });

  test('ends with 0 for warnings alone, and with 1 when it is strict', async () => {
    using cli = openCli();
    const file = write(cli, 'quiet.json', { ...telemetry, Statement: telemetry.Statement.slice(1) });
    const lax = await cli.run(['policy', 'lint', file]);
    expect(lax.stdout).toContain('warning[missing-connect]');
    expect(lax.code).toBe(0);
    expect((await cli.run(['policy', 'lint', '--strict', file])).code).toBe(1);
  });

  test('names every reason a document is refused for, in JSON with its file', async () => {
    using cli = openCli();
    const good = write(cli, 'good.json', telemetry);
    const bad = write(cli, 'bad.json', { Version: '2008-10-17', Statement: [{ Effect: 'Maybe' }] });
    const outcome = await cli.run(['policy', 'lint', good, bad, '--json']);
    expect(outcome.json).toContainEqual(
      expect.objectContaining({ file: bad, severity: 'error', id: 'policy.invalid', path: '$.Version' }),
    );
    expect(outcome.json.length).toBeGreaterThan(1);
    expect(outcome.code).toBe(1);
  });

  test('tells the line and column where a document stops being JSON', async () => {
    using cli = openCli();
    const file = write(cli, 'comma.json', '{\n  "Version": "2012-10-17",\n  "Statement": [,]\n}');
    const outcome = await cli.run(['policy', 'lint', file]);
    expect(outcome.stdout).toContain('comma.json:3:17: error[policy.invalid]: expected a JSON value');
    expect(outcome.code).toBe(1);
    const decided = await cli.run(['policy', 'decide', '--policy', file, '--requests', '-'], { input: '' });
    expect(decided.stderr).toContain('comma.json:3:17`: policy refused');
  });

  test('exits with 2 when a file is not there', async () => {
    using cli = openCli();
    const outcome = await cli.run(['policy', 'lint', 'absent.json', '--json']);
    expect(outcome.error).toMatchObject({ code: 'cli.unreadable' });
    expect(outcome.code).toBe(2);
  });
});

describe('policy decide', () => {
  const lamp = { clientId: 'lamp-7', thing: { name: 'lamp-7' } };
  const request = (topic: string, context: object = lamp) =>
    JSON.stringify({
      action: 'iot:Publish',
      resource: `arn:aws:iot:eu-1:123456789012:topic/${topic}`,
      context,
    });

  test('answers each line in order with the decision and its reason', async () => {
    using cli = openCli();
    const policy = write(cli, 'telemetry.json', telemetry);
    const requests = write(
      cli,
      'requests.jsonl',
      `${request('telemetry/lamp-7')}\n${request('telemetry/lamp-8')}\n`,
    );
    const outcome = await cli.run(['policy', 'decide', '--policy', policy, '--requests', requests, '--json']);
    expect(outcome.json).toMatchObject([{ decision: 'allow' }, { decision: 'implicitDeny' }]);
    expect(outcome.json[1]).toMatchObject({ explanation: expect.stringContaining('telemetry/lamp-8') });
    expect(outcome.code).toBe(0);
  });

  test('takes several policies, a deny among them wins, and requests from standard input without a last line feed', async () => {
    using cli = openCli();
    const deny = write(cli, 'deny.json', {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 'iot:Publish', Resource: '*' }],
    });
    const args = [
      'policy',
      'decide',
      '--policy',
      write(cli, 'telemetry.json', telemetry),
      deny,
      '--requests',
      '-',
      '--json',
    ];
    const outcome = await cli.run(args, { input: request('telemetry/lamp-7') });
    expect(outcome.json).toMatchObject([{ decision: 'explicitDeny', statement: { policyName: 'deny' } }]);
  });

  test('answers an unreadable line in its place, goes on, and exits with 2', async () => {
    using cli = openCli();
    const policy = write(cli, 'wide.json', wide);
    const input = `${request('a')}\n{"action":"iot:Fly","resource":"*"}\nnonsense\n\n${request('b')}\n`;
    const outcome = await cli.run(['policy', 'decide', '--policy', policy, '--requests', '-', '--json'], {
      input,
    });
    expect(outcome.json).toMatchObject([
      { decision: 'allow' },
      { line: 2, error: { code: 'policy.request' } },
      { line: 3, error: { code: 'policy.request' } },
      { decision: 'allow' },
    ]);
    expect(outcome.code).toBe(2);
  });

  test('refuses to decide by a document it does not wholly understand', async () => {
    using cli = openCli();
    const policy = write(cli, 'bad.json', { Version: '2012-10-17', Statement: [], Extra: 1 });
    const outcome = await cli.run(['policy', 'decide', '--policy', policy, '--requests', '-', '--json'], {
      input: '',
    });
    expect(outcome.error.code).toBe('cli.unreadable');
    expect(outcome.code).toBe(2);
  });

  test('answers a line above the bound in its place, and goes on', async () => {
    using cli = openCli();
    const policy = write(cli, 'wide.json', wide);
    const long = 'x'.repeat(600_000);
    const input = [request('a'), long, request('b'), 'x'.repeat(262_145), request('c'), long].join('\n');
    const outcome = await cli.run(['policy', 'decide', '--policy', policy, '--requests', '-', '--json'], {
      input,
    });
    const tooLong = { code: 'policy.request', message: expect.stringContaining('more than 262144 bytes') };
    expect(outcome.json).toMatchObject([
      { decision: 'allow' },
      { line: 2, error: tooLong },
      { decision: 'allow' },
      { line: 4, error: tooLong },
      { decision: 'allow' },
      { line: 6, error: tooLong },
    ]);
    expect(outcome.code).toBe(2);
  });
});
