import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Cli, openCli } from './cli.ts';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID';
const thing = '${iot:Connection.Thing.ThingName}';

interface Statement {
  readonly Effect?: 'Allow' | 'Deny';
  readonly Action: string;
  readonly Resource: string;
}

function write(cli: Cli, name: string, ...statements: readonly Statement[]): string {
  const file = cli.home.join(name);
  const Statement = statements.map(({ Effect = 'Allow', Action, Resource }) => ({
    Effect,
    Action: `iot:${Action}`,
    Resource: `${arn}:${Resource}`,
  }));
  writeFileSync(file, JSON.stringify({ Version: '2012-10-17', Statement }));
  return file;
}

const connect = { Action: 'Connect', Resource: `client/${thing}` };
const telemetry = { Action: 'Publish', Resource: `topic/telemetry/${thing}` };
const restricted = [
  { Action: 'Subscribe', Resource: 'topicfilter/a/*' },
  { Effect: 'Deny', Action: 'Subscribe', Resource: 'topicfilter/a/restricted/*' },
  { Action: 'Receive', Resource: 'topic/a/*' },
] as const;

/** Puts a counter-example's requests to `policy decide`, and gives its decisions. */
async function decisionsOf(cli: Cli, requests: readonly object[], file: string): Promise<readonly unknown[]> {
  const lines = requests.map((request) => {
    const { action, resource, context } = request as Record<string, unknown>;
    return JSON.stringify({ action, resource, context });
  });
  const args = ['policy', 'decide', '--policy', file, '--requests', '-', '--json'];
  const { json } = await cli.run(args, { input: `${lines.join('\n')}\n` });
  return json.map((answer) => (answer as { decision: string }).decision);
}

describe('policy prove', { timeout: 120_000 }, () => {
  test('says yes, and exits with 0, when no two devices can meet', async () => {
    using cli = openCli();
    const file = write(cli, 'lamps.json', connect, telemetry);
    const outcome = await cli.runProcess(['policy', 'prove', 'no-cross-device', file]);
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stdout).toMatch(/^yes: /);
  });

  test('says no with requests that policy decide confirms', async () => {
    using cli = openCli();
    const file = write(cli, 'lamps.json', connect, {
      Action: 'Publish',
      Resource: `topic/telemetry/${thing}*`,
    });
    const outcome = await cli.run(['policy', 'prove', 'no-cross-device', file, '--json']);
    const [proof] = outcome.json as {
      verdict: string;
      counterExample: { requests: { decision: string }[] };
    }[];
    expect(outcome.code).toBe(1);
    expect(proof?.verdict).toBe('no');
    const requests = proof?.counterExample.requests ?? [];
    expect(requests).toHaveLength(4);
    expect(await decisionsOf(cli, requests, file)).toEqual(requests.map(({ decision }) => decision));
  });

  test('follows a subscription to the topics it covers, past a Deny of the filter', async () => {
    using cli = openCli();
    const file = write(cli, 'a.json', ...restricted);
    const never = ['policy', 'prove', 'never', '--action', 'receive', '--resource', 'a/restricted/*'];
    const outcome = await cli.run([...never, file, '--json']);
    const [proof] = outcome.json as { counterExample: { requests: { resource: string }[] } }[];
    expect(proof?.counterExample.requests[0]?.resource).toMatch(/:topicfilter\/a\/[+#]/);
    expect(await decisionsOf(cli, proof?.counterExample.requests ?? [], file)).toEqual(['allow', 'allow']);
    const deny = { Effect: 'Deny', Action: 'Receive', Resource: 'topic/a/restricted/*' } as const;
    const closed = write(cli, 'closed.json', ...restricted, deny);
    expect(await cli.run([...never, closed])).toMatchObject({ code: 0 });
  });

  test('compares policies, and prints what a new one adds', async () => {
    using cli = openCli();
    const before = write(cli, 'before.json', connect, telemetry);
    const now = write(cli, 'now.json', connect, telemetry, { Action: 'Publish', Resource: 'topic/alarm' });
    const atMost = (file: string, other: string) =>
      cli.run(['policy', 'prove', 'at-most', other, '--policy', file]);
    expect(await atMost(before, now)).toMatchObject({ code: 0 });
    expect(await atMost(now, before)).toMatchObject({ code: 1 });
    expect(await cli.run(['policy', 'prove', 'equal', now, '--policy', now])).toMatchObject({ code: 0 });
    expect(await cli.run(['policy', 'prove', 'equal', now, '--policy', before])).toMatchObject({ code: 1 });
    const diff = await cli.run(['policy', 'prove', 'diff', before, now]);
    expect(diff).toMatchObject({ code: 1, stdout: `+ iot:Publish ${arn}:topic/alarm\n` });
  });

  test('names statements that change nothing', async () => {
    using cli = openCli();
    const file = write(cli, 'dead.json', connect, telemetry, telemetry, {
      Action: 'Publish',
      Resource: 'topic/a/+',
    });
    const outcome = await cli.run(['policy', 'prove', 'dead', file, '--json']);
    const [found] = outcome.json as { dead: { index: number; why: string }[] }[];
    expect(found?.dead.map(({ index, why }) => [index, why])).toEqual([
      [2, 'covered'],
      [3, 'unmatchable'],
    ]);
  });

  test('gives up within its states and says so', async () => {
    using cli = openCli();
    const file = write(cli, 'lamps.json', connect, telemetry);
    const outcome = await cli.run(['policy', 'prove', 'no-cross-device', file, '--states', '5']);
    expect(outcome.stdout).toContain('undecided: too large');
    expect(outcome.code).toBe(1);
  });

  test('refuses a question it cannot read', async () => {
    using cli = openCli();
    const file = write(cli, 'lamps.json', connect);
    const never = ['policy', 'prove', 'never', '--action', 'fly', '--resource', 'a', file];
    expect((await cli.run(never)).stderr).toContain('`fly` is no action');
    expect(await cli.run(['policy', 'prove', 'diff', file])).toMatchObject({ code: 2 });
  });
});
