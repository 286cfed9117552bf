import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createOperatorToken } from '@fleetward/protocol';
import { needs, openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cli, openCli } from './cli.ts';

const document = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }],
});

needs('openssl', 'openssl').describe('cert issue', () => {
  let platform: TestPlatform;
  let cli: Cli;
  let environment: Readonly<Record<string, string>>;

  beforeAll(async () => {
    platform = await startTestPlatform();
    cli = openCli();
    const { secret } = await platform.api.call(createOperatorToken, { body: {} });
    const url = `https://localhost:${platform.platform.ports.operators}`;
    environment = { FLEETWARD_URL: url, FLEETWARD_CA: platform.rootFile, FLEETWARD_TOKEN: secret };
    writeFileSync(path('pumps.json'), document);
    expect(await run('policy', 'create', 'pumps', 'pumps.json')).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    cli[Symbol.dispose]();
    await platform.stop();
  });

  const path = (name: string) => cli.home.join(name);
  const run = (...args: readonly string[]) => cli.run([...args, '--json'], { environment });

  async function makeCsr(name: string, subject: string): Promise<void> {
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path(`${name}.key`)]);
    await openssl([
      'req',
      '-new',
      '-key',
      path(`${name}.key`),
      '-subj',
      subject,
      '-out',
      path(`${name}.csr`),
    ]);
  }

  test('for a CSR of openssl gives a chain that openssl verifies, a thing and its policies', async () => {
    await makeCsr('one', '/CN=pump-1');
    const issued = await run(
      'cert',
      'issue',
      '--csr',
      'one.csr',
      '--policy',
      'pumps',
      '--days',
      '7',
      '--out',
      'one.pem',
    );
    expect(issued).toMatchObject({ code: 0, json: [{ outcome: 'issued', name: 'pump-1' }] });
    const verified = await openssl([
      'verify',
      '-CAfile',
      platform.rootFile,
      '-untrusted',
      path('one.pem'),
      path('one.pem'),
    ]);
    expect(verified.toString()).toContain('OK');
    const [{ certificateId }] = issued.json as [{ certificateId: string }];
    expect(await run('cert', 'show', certificateId)).toMatchObject({
      json: [{ thingNames: ['pump-1'], policyNames: ['pumps'], profile: 'device' }],
    });
    const again = await run('cert', 'issue', '--csr', 'one.csr');
    expect(again).toMatchObject({ code: 0, json: [{ outcome: 'repeated', certificateId }] });
  });

  test('tells how long it is valid, and that it ends with its CA where its days go beyond', async () => {
    const endOf = async (file: string) => {
      const printed = await openssl(['x509', '-in', path(file), '-noout', '-enddate']);
      return Date.parse(printed.toString().replace('notAfter=', ''));
    };
    const issue = (name: string, days: string) => [
      'cert',
      'issue',
      '--name',
      name,
      '--keygen',
      `${name}.key`,
      '--days',
      days,
      '--out',
      `${name}.pem`,
    ];
    const [short] = (await run(...issue('short', '30'))).json as [object];
    expect(short).toMatchObject({ notAfterMs: await endOf('short.pem') });
    expect(short).not.toHaveProperty('endsWithIssuer');
    const [long] = (await run(...issue('long', '3650'))).json as [object];
    expect(long).toMatchObject({ notAfterMs: await endOf('long.pem'), endsWithIssuer: true });
    const told = await cli.run(issue('told', '3650'), { environment });
    expect(told.stdout).toMatch(/^valid until {2}\d{4}-/m);
    expect(told.stderr).toContain('it ends with the CA that issued it');
    writeFileSync(path('lives.csv'), 'name,days\nlife-1,30\nlife-2,3650\n');
    const bulk = ['cert', 'issue', '--csv', 'lives.csv', '--keygen', '--out'];
    expect((await run(...bulk, 'lives')).json).toMatchObject([
      { name: 'life-1', notAfterMs: await endOf('lives/life-1.pem') },
      { name: 'life-2', notAfterMs: await endOf('lives/life-2.pem'), endsWithIssuer: true },
    ]);
    const tally = await cli.run([...bulk, 'lives-2'], { environment });
    expect(tally.stderr).toContain('that issued them, earlier than by their days: 1\n');
  });

  test('with --keygen the key is made here, private, and fits its certificate', async () => {
    const args = ['--name', 'pump-2', '--keygen', 'two.key', '--out', 'two.pem'];
    expect(await run('cert', 'issue', ...args)).toMatchObject({ code: 0 });
    expect(statSync(path('two.key')).mode & 0o777).toBe(0o600);
    const ofKey = await openssl(['pkey', '-in', path('two.key'), '-pubout']);
    const ofCertificate = await openssl(['x509', '-in', path('two.pem'), '-noout', '-pubkey']);
    expect(ofCertificate.toString()).toBe(ofKey.toString());
    expect(await run('cert', 'issue', ...args)).toMatchObject({ code: 1, error: { code: 'cli.unwritable' } });
    const second = await run('cert', 'issue', '--name', 'pump-2', '--keygen');
    const [{ otherCertificateIds: others }] = second.json as [{ otherCertificateIds: unknown[] }];
    expect(others, 'nobody replaces a device without hearing of the old one').toHaveLength(1);
  });

  test('with --keygen and no file prints key and chain this once', async () => {
    const printed = await run('cert', 'issue', '--name', 'ada', '--profile', 'operator', '--keygen');
    expect(printed).toMatchObject({
      code: 0,
      json: [
        { privateKey: expect.stringContaining('PRIVATE KEY'), chain: expect.stringContaining('CERTIFICATE') },
      ],
    });
  });

  test('what is refused ends with 1, a reason, and no key left behind', async () => {
    const refused = await run('cert', 'issue', '--name', 'pump*', '--keygen', 'bad.key');
    expect(refused).toMatchObject({ code: 1, json: [{ outcome: 'refused', reason: 'name_invalid' }] });
    expect(existsSync(path('bad.key'))).toBe(false);
  });

  test('a CSV is looked at first, then issued, tells errors by line, and goes on where it stopped', async () => {
    await makeCsr('three', '/CN=pump-3');
    const lines = [
      'name,csr,policies,days',
      ',three.csr,pumps,30',
      'pump-4,,pumps,',
      '"pump-5",,"pumps",7',
      'pump-4,,,',
      'pump-6,missing.csr,,',
      'pump-7,,none,',
      'pump-8,,',
      '../pump-9,,,',
    ];
    writeFileSync(path('fleet.csv'), `${lines.join('\r\n')}\r\n`);
    const args = ['cert', 'issue', '--csv', 'fleet.csv', '--keygen', '--out', 'issued'];
    const dry = await run(...args, '--dry-run');
    expect(dry.json).toMatchObject([
      { line: 2, outcome: 'would-issue', name: 'pump-3' },
      { line: 3, outcome: 'would-issue', name: 'pump-4' },
      { line: 4, outcome: 'would-issue', name: 'pump-5' },
      { line: 5, outcome: 'refused', reason: 'name_twice' },
      { line: 6, outcome: 'refused', reason: 'csr_missing' },
      { line: 7, outcome: 'would-issue', name: 'pump-7' },
      { line: 8, outcome: 'refused', reason: 'csv_malformed' },
      { line: 9, outcome: 'refused', reason: 'name_invalid' },
    ]);
    expect(existsSync(path('issued'))).toBe(false);
    // As a run that was killed after it had made a key leaves it.
    mkdirSync(path('issued'));
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path('issued/pump-4.key')]);
    const kept = readFileSync(path('issued/pump-4.key'), 'utf8');
    const first = await run(...args);
    expect(first.code).toBe(1);
    const outcomes = (first.json as { line: number; outcome: string; reason?: string }[]).toSorted(
      (a, b) => a.line - b.line,
    );
    expect(outcomes).toMatchObject([
      { line: 2, outcome: 'issued' },
      { line: 3, outcome: 'issued' },
      { line: 4, outcome: 'issued' },
      { line: 5, reason: 'name_twice' },
      { line: 6, reason: 'csr_missing' },
      { line: 7, outcome: 'refused', reason: 'policy_refused' },
      { line: 8, reason: 'csv_malformed' },
      { line: 9, reason: 'name_invalid' },
    ]);
    expect(readFileSync(path('issued/pump-4.key'), 'utf8')).toBe(kept);
    expect(statSync(path('issued/pump-5.key')).mode & 0o777).toBe(0o600);
    rmSync(path('issued/pump-5.pem'));
    const second = await run(...args);
    const byLine = new Map(
      (second.json as { line: number; outcome: string }[]).map(({ line, outcome }) => [line, outcome]),
    );
    expect([2, 3, 4].map((line) => byLine.get(line))).toEqual(['present', 'present', 'repeated']);
  });

  describe('from a CSV', () => {
    const lines = ['name,policies', 'ok-1,', 'bad,none', 'ok-2,', '../bad,', 'ok-3,'];
    const refusals = [/^line 5: name_invalid: /, /^line 3: policy_refused: /].map((line) =>
      expect.stringMatching(line),
    );
    const issue = (out: string) => {
      writeFileSync(path('people.csv'), `${lines.join('\n')}\n`);
      return ['cert', 'issue', '--csv', 'people.csv', '--keygen', '--out', out];
    };

    test('a line that the platform would refuse is told by the dry run, and none takes its batch along', async () => {
      await makeCsr('own', '/CN=own-1');
      await makeCsr('nameless', '/O=Example');
      const flawed = [
        'name,csr,days',
        'days-1,,3659',
        'days-2,,3661',
        'days-3,,9999',
        'other,own.csr,',
        'own-1,own.csr,',
        'same-1,nameless.csr,',
        'same-2,nameless.csr,',
      ];
      writeFileSync(path('flawed.csv'), flawed.join('\n'));
      const args = ['cert', 'issue', '--csv', 'flawed.csv', '--keygen', '--out', 'flawed'];
      const range = '`days` is a whole number from 1 to 3660';
      const flaws = [
        { line: 3, reason: 'csv_malformed', explanation: range },
        { line: 4, reason: 'csv_malformed', explanation: range },
        { line: 5, reason: 'name_invalid', explanation: 'the CSR is for "own-1", not for `other`' },
      ];
      expect((await run(...args, '--dry-run')).json).toMatchObject([
        { line: 2, outcome: 'would-issue' },
        ...flaws,
        { line: 6, outcome: 'would-issue' },
        { line: 7, outcome: 'would-issue' },
        { line: 8, reason: 'key_in_use', explanation: 'line 7 has the same key' },
      ]);
      const issued = (await run(...args)).json as readonly { readonly line: number }[];
      expect(issued.toSorted((a, b) => a.line - b.line)).toMatchObject([
        { line: 2, outcome: 'issued' },
        ...flaws,
        { line: 6, outcome: 'issued' },
        { line: 7, reason: 'key_in_use' },
        { line: 8, reason: 'key_in_use' },
      ]);
    });

    test.for([
      ['name;csr;days', 'they are separated by `;`, not by commas'],
      ['profile,days', 'neither `name` nor `csr` is among them'],
      ['name,day', 'there is no column "day"'],
      ['name,csr,name', '`name` is there twice'],
      ['name,"csr', 'its quotes do not match'],
    ] as const)('of a first line such as %s it says what is wrong', async ([header, flaw]) => {
      writeFileSync(path('header.csv'), `${header}\npump,,\n`);
      const refused = await run('cert', 'issue', '--csv', 'header.csv', '--keygen', '--out', 'no');
      expect(refused).toMatchObject({
        code: 2,
        error: {
          message: `the first line of \`header.csv\` does not name the columns: ${flaw}`,
          hint: expect.stringContaining('separated by commas'),
        },
      });
    });

    test('what is no terminal gets the same lines and nothing that is drawn', async () => {
      const { code, stdout, stderr } = await cli.run(issue('written'), { environment });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      const told = [...refusals, '2 refused, 3 issued', ''];
      expect(stderr.split('\n')).toEqual(told);
    });

    needs('script', 'bsdutils').describe('at a terminal', () => {
      test('a person sees how far it is, and at the end each refusal in a line and the sum', async () => {
        const seen = await cli.runAtTerminal(issue('seen'), { environment });
        expect(seen.code).toBe(1);
        expect(seen.screen).toEqual([...refusals, '2 refused, 3 issued']);
        expect(seen.drawnOver).toEqual([
          '2 of 5: 1 refused, 1 issued',
          '4 of 5: 2 refused, 2 issued',
          '5 of 5: 2 refused, 3 issued',
        ]);
      });

      test('a failure in the middle stands in a line of its own', async () => {
        mkdirSync(path('half'));
        writeFileSync(path('half/ok-3.pem'), '');
        const nobody = { ...environment, FLEETWARD_URL: 'https://localhost:1' };
        const seen = await cli.runAtTerminal(issue('half'), { environment: nobody });
        expect(seen.drawnOver).toEqual(['2 of 5: 1 refused, 1 present']);
        const stopped =
          'stopped after 1 refused, 1 present: run the same command again, and it goes on where it stopped';
        expect(seen.screen).toEqual([
          refusals[0],
          stopped,
          expect.stringMatching(/^error: /),
          expect.anything(),
        ]);
      });
    });
  });

  test.for([
    ['--csr', 'one.csr', '--keygen'],
    ['--keygen'],
    ['--csv', 'fleet.csv'],
    ['--csv', 'pumps.json', '--out', 'x'],
    ['--csr', 'one.csr', '--dry-run'],
    ['--csr', 'absent.csr'],
  ])('exits with 2 for what cannot be meant: %o', async (args) => {
    expect(await run('cert', 'issue', ...args)).toMatchObject({ code: 2, stdout: '' });
  });
});
