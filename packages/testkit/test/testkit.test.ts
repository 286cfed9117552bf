import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import {
  FakeClock,
  mosquittoClients,
  needs,
  noteNotRun,
  openssl,
  requireProgram,
  runProgram,
  seededRandom,
  startPostgres,
  startProgram,
  suiteFate,
  temporaryFolder,
} from '../src/index.ts';

const absent = { program: 'no-such-program-anywhere', debianPackage: 'no-such-package' };

describe('temporary folders', () => {
  test('are private, and gone with their content at the end of the block', () => {
    let path: string;
    {
      using folder = temporaryFolder();
      path = folder.path;
      writeFileSync(folder.join('file'), 'content');
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
    expect(existsSync(path)).toBe(false);
  });
});

describe('time and chance', () => {
  test('the clock moves only when told to', () => {
    const clock = new FakeClock('2026-03-01T12:00:00Z');
    expect(clock.now()).toBe(Date.UTC(2026, 2, 1, 12));
    clock.advance(1500);
    clock.advance(-500);
    expect(clock.now()).toBe(Date.UTC(2026, 2, 1, 12, 0, 1));
    clock.set(0);
    expect(clock.now()).toBe(0);
  });

  test('a seed gives the same bytes again, another seed others, and no block comes twice', () => {
    const first = seededRandom(1);
    const [a, b] = [first.bytes(40), first.bytes(40)];
    expect(a).toHaveLength(40);
    expect(seededRandom(1).bytes(40)).toEqual(a);
    expect(seededRandom(2).bytes(40)).not.toEqual(a);
    expect(b).not.toEqual(a);
  });
});

describe('the rule for missing programs', () => {
  test('a suite runs where its program is, whatever CI says', () => {
    const node = { program: 'sh', debianPackage: 'dash' };
    expect(suiteFate(node, { PATH: '/bin:/usr/bin' })).toBe('run');
    expect(suiteFate(node, { PATH: '/bin:/usr/bin', CI: 'true' })).toBe('run');
  });

  test('elsewhere it is skipped by hand and fails in CI', () => {
    expect(suiteFate(absent, { PATH: '/bin' })).toBe('skip');
    expect(suiteFate(absent, { PATH: '/bin', CI: 'true' })).toBe('fail');
    expect(() => requireProgram(absent.program, absent.debianPackage)).toThrow(
      'apt-get install no-such-package',
    );
  });

  test('a skipped suite is noted as program, package and suite', () => {
    using folder = temporaryFolder();
    const environment = { FLEETWARD_NOT_RUN: folder.join('not-run') };
    noteNotRun('stores on\tPostgreSQL', absent, environment);
    noteNotRun('second', absent, environment);
    noteNotRun('nowhere to note', absent, {});
    expect(readFileSync(environment.FLEETWARD_NOT_RUN, 'utf8')).toBe(
      'no-such-program-anywhere\tno-such-package\tstores on PostgreSQL\nno-such-program-anywhere\tno-such-package\tsecond\n',
    );
  });
});

describe('running programs', () => {
  test('input goes in, output and exit code come out', async () => {
    const outcome = await runProgram('sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'hello' });
    expect(outcome).toMatchObject({ code: 3, signal: null, timedOut: false, stderr: 'oops\n' });
    expect(outcome.stdout.toString()).toBe('hello');
  });

  test('a program that does not end is killed, and the outcome says so', async () => {
    const outcome = await runProgram('sh', ['-c', 'exec sleep 600'], { timeoutMs: 50 });
    expect(outcome).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: true });
  });

  test('a program that is not there is a rejection', async () => {
    await expect(runProgram(`/${absent.program}`, [])).rejects.toThrow('ENOENT');
  });

  test('waiting for output ends with the output, or with the program', async () => {
    await using program = startProgram('sh', ['-c', 'echo ready; exec sleep 600']);
    expect(await program.waitForOutput(/ready/)).toBe('ready\n');
    const never = expect(program.waitForOutput(/never/)).rejects.toThrow('the program ended');
    expect(await program.stop()).toMatchObject({ signal: 'SIGTERM' });
    await never;
  });
});

needs('openssl', 'openssl').describe('openssl', () => {
  test('gives its output, or throws its complaint', async () => {
    const digest = await openssl(['dgst', '-sha256', '-r'], { input: 'abc' });
    expect(digest.toString()).toMatch(/^ba7816bf/);
    await expect(openssl(['x509', '-noout'], { input: 'no certificate' })).rejects.toThrow(
      'openssl x509 -noout',
    );
  });
});

needs('initdb', 'postgresql').describe('a throw-away PostgreSQL', () => {
  test('answers over its own socket, and leaves nothing behind', async () => {
    const postgres = await startPostgres();
    const client = new pg.Client({ connectionString: postgres.url });
    try {
      await client.connect();
      const { rows } = await client.query('select 6 * 7 as answer, current_database() as name');
      expect(rows).toEqual([{ answer: 42, name: 'postgres' }]);
    } finally {
      await client.end();
      await postgres.stop();
    }
    expect(() => process.kill(postgres.pid, 0)).toThrow('ESRCH');
    const sockets = new URL(postgres.url).searchParams.get('host');
    expect(existsSync(sockets ?? '/')).toBe(false);
  });
});

needs('mosquitto_pub', 'mosquitto-clients').describe('the Mosquitto clients', () => {
  test('report a broker that is not there as an outcome', async () => {
    using folder = temporaryFolder();
    // A Unix socket nobody listens on: the one address that is certainly free.
    const clients = mosquittoClients(['--unix', folder.join('nobody')]);
    const outcome = await clients.publish(['-t', 'a', '-m', 'b']);
    expect(outcome.code).not.toBe(0);
    expect(outcome.timedOut).toBe(false);
  });
});

needs('mosquitto', 'mosquitto').describe('the Mosquitto clients with a broker', () => {
  test('subscribe and publish through it', async () => {
    using folder = temporaryFolder();
    const socket = folder.join('broker');
    writeFileSync(folder.join('conf'), `listener 0 ${socket}\nallow_anonymous true\nuser root\n`);
    await using broker = startProgram(requireProgram('mosquitto', 'mosquitto'), [
      '-v',
      '-c',
      folder.join('conf'),
    ]);
    await broker.waitForOutput(/mosquitto version \S+ running/);
    const clients = mosquittoClients(['--unix', socket], { timeoutMs: 20_000 });
    await using subscriber = clients.subscribe(['-d', '-t', 'greetings/#', '-v']);
    await subscriber.waitForOutput(/Subscribed/);
    expect(await clients.publish(['-q', '1', '-t', 'greetings/all', '-m', 'hello'])).toMatchObject({
      code: 0,
    });
    await subscriber.waitForOutput(/greetings\/all hello/);
  });
});
