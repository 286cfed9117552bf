import { createCipheriv, createHash, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseSha256 } from '@fleetward/core';
import { needs, openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cli, type CliOutcome, openCli } from './cli.ts';

const document = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 'iot:Connect',
      Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:client/${iot:Connection.Thing.ThingName}',
    },
    {
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:topic/telemetry/${iot:Connection.Thing.ThingName}',
    },
  ],
});

needs('openssl', 'openssl').describe('against a platform', () => {
  let platform: TestPlatform;
  let cli: Cli;
  let environment: Readonly<Record<string, string>>;
  let device: TestDevice;
  let certificateId: string;

  beforeAll(async () => {
    platform = await startTestPlatform({ settings: { ddi: { targetTokenGroups: ['suricatta'] } } });
    cli = openCli();
    const url = `https://localhost:${platform.platform.ports.operators}`;
    const { createOperatorToken } = await import('@fleetward/protocol');
    const { secret } = await platform.api.call(createOperatorToken, { body: {} });
    environment = { FLEETWARD_URL: url, FLEETWARD_CA: platform.rootFile, FLEETWARD_TOKEN: secret };
    writeFileSync(cli.home.join('lamps.json'), document);
    await say(['policy', 'create', 'lamps', 'lamps.json']);
    device = await platform.enrol('lamp-7', { policies: ['lamps'] });
    const [thing] = (await say(['thing', 'show', 'lamp-7'])).json as [
      { certificates: [{ certificateId: string }] },
    ];
    certificateId = thing.certificates[0].certificateId;
  });

  afterAll(async () => {
    cli[Symbol.dispose]();
    await platform.stop();
  });

  const run = (args: readonly string[]) => cli.run(['--json', ...args], { environment });

  async function myName(): Promise<string> {
    return ((await say(['operator', 'whoami'])).json as [{ name: string }])[0].name;
  }

  async function say(args: readonly string[]): Promise<CliOutcome> {
    const outcome = await run(args);
    expect(outcome, args.join(' ')).toMatchObject({ code: 0, stderr: '' });
    return outcome;
  }

  const connectDevice = () =>
    connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port: platform.platform.ports.mqtt,
      clientId: 'lamp-7',
      protocolVersion: 5,
      reconnectPeriod: 0,
      ca: platform.rootPem,
      key: device.key,
      cert: device.cert,
    });

  /** The handshake of TLS 1.3 is over before the platform decides: the refusal is the end of the connection. */
  async function connectionIsCut(): Promise<void> {
    const socket = await platform.connectTls({ key: device.key, cert: device.cert });
    socket.on('error', () => undefined).resume();
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }

  test('an operator sees itself and the others', async () => {
    expect((await say(['operator', 'whoami'])).json).toMatchObject([{ name: 'tester' }]);
    expect((await say(['operator', 'list'])).json).toMatchObject([{ name: 'tester' }]);
  });

  test('an operator whose kept CA is believed no more keeps another, if the platform answers under it', async () => {
    const { FLEETWARD_URL: url = '', FLEETWARD_TOKEN: token = '' } = environment;
    const config = { XDG_CONFIG_HOME: cli.home.join('replaced') };
    const { kept, other } = await otherRoot();
    const folder = cli.home.join('replaced/fleetward');
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/context.json`, JSON.stringify({ url, token, ca: other }), { mode: 0o600 });
    const as = (args: readonly string[]) => cli.run([...args, '--json'], { environment: config });
    const shutOut = await as(['operator', 'whoami']);
    expect(shutOut.error).toMatchObject({
      code: 'cli.untrusted',
      hint: expect.stringContaining('`fleetward operator trust NEW-ROOT.pem`'),
    });
    expect((await as(['operator', 'trust', kept])).error).toMatchObject({ code: 'cli.untrusted' });
    const trusted = await as(['operator', 'trust', platform.rootFile]);
    expect(trusted).toMatchObject({
      code: 0,
      json: [{ certificateIds: [expect.stringMatching(/^[0-9a-f]{64}$/)] }],
    });
    expect((await as(['operator', 'whoami'])).json).toMatchObject([{ name: 'tester' }]);
    const nothingKept = await run(['operator', 'trust', platform.rootFile]);
    expect(nothingKept.error).toMatchObject({ code: 'cli.not_configured' });
  });

  /** A root that is not the platform's. */
  async function otherRoot() {
    writeFileSync(cli.home.join('other.pass'), 'a long passphrase\n', { mode: 0o600 });
    const files = ['--key', 'other.key', '--out', 'other.pem', '--passphrase-file', 'other.pass'];
    await say(['ca', 'init-root', ...files, '--common-name', 'Other Root']);
    const kept = cli.home.join('other.pem');
    return { kept, other: readFileSync(kept, 'utf8') };
  }

  test('a token is shown where it is made, and nowhere else; revoked, it is refused', async () => {
    const [token] = (await say(['operator', 'create-token', '--valid-days', '1'])).json as [
      { tokenId: string; secret: string },
    ];
    expect(token.secret).toMatch(/^fwo_/);
    const listed = await say(['operator', 'list-tokens']);
    expect(listed.json).toContainEqual(expect.objectContaining({ tokenId: token.tokenId }));
    expect(listed.stdout).not.toContain(token.secret);
    await say(['operator', 'revoke-token', token.tokenId]);
    const refused = await cli.run(['thing', 'list', '--json'], {
      environment: { ...environment, FLEETWARD_TOKEN: token.secret },
    });
    expect(refused).toMatchObject({ code: 1, error: { code: 'http.unauthenticated' } });
  });

  test('a file of things is imported, and again without a change; what is wrong with a line is told with its number', async () => {
    await say(['group', 'create', 'import-hall']);
    const lines = [
      'name,type,groups,attribute.site,state',
      'import-1,lamp,import-hall,"north, left",active',
      'import-2,,no-such-hall,,',
      'import-1,lamp,,,',
      'import-3,lamp,"import-hall",',
      'import-4,,,,quarantined',
    ];
    writeFileSync(cli.home.join('import.csv'), `\ufeff${lines.join('\r\n')}`);
    const outcomes = [
      { line: 2, thingName: 'import-1', outcome: 'created' },
      { line: 3, thingName: 'import-2', outcome: 'refused', reason: 'groups.not_found' },
      { line: 4, outcome: 'refused', reason: 'line_malformed' },
      { line: 5, outcome: 'refused', reason: 'line_malformed' },
      { line: 6, thingName: 'import-4', outcome: 'created' },
    ];
    const dry = await run(['thing', 'import', 'import.csv', '--dry-run']);
    expect(dry.code).toBe(1);
    expect(dry.json).toMatchObject(outcomes.map((outcome) => ({ ...outcome, dryRun: true })));
    expect((await run(['thing', 'show', 'import-1'])).error.code).toBe('things.not_found');
    const real = await run(['thing', 'import', 'import.csv', '--refused', 'mend.csv']);
    expect(real.code).toBe(1);
    expect(real.json).toMatchObject(outcomes);
    expect((await say(['thing', 'show', 'import-1'])).json).toMatchObject([
      { attributes: { site: 'north, left' }, groupNames: ['import-hall'], lifecycleState: 'active' },
    ]);
    expect(readFileSync(cli.home.join('mend.csv'), 'utf8')).toBe(
      [0, 2, 3, 4].map((at) => `${lines[at]}\r\n`).join(''),
    );
    const again = await cli.run(['thing', 'import', 'import.csv', '--dry-run'], { environment });
    expect(again.stderr).toBe('would be: 2 unchanged, 3 refused\n');
    expect(again.stdout).toMatch(
      /^line 2, `import-1`: unchanged\nline 3, `import-2`: refused: groups.not_found: /,
    );
    const unwritable = await cli.run(['thing', 'import', 'import.csv', '--refused', 'mend.csv', '--json'], {
      environment,
    });
    expect(unwritable.error.code).toBe('cli.unwritable');
  });

  test('what is there and differs is changed by an import that says so, and a state never', async () => {
    const input = [
      { thingName: 'import-1', attributes: { floor: '1' } },
      { thingName: 'import-4', lifecycleState: 'active' },
    ];
    const options = { environment, input: input.map((thing) => JSON.stringify(thing)).join('\n') };
    const args = ['thing', 'import', '-', '--format', 'jsonl'];
    const left = await cli.run(args, options);
    expect([left.code, left.stdout]).toEqual([1, '']);
    expect(left.stderr).toMatch(
      /^line 1, `import-1`: things.exists: it is there with other attributes.*\nline 2, `import-4`: things.exists: it is `quarantined` and not `active`.*\n2 differs\n$/,
    );
    const changed = await cli.run([...args, '--update'], options);
    expect(changed.stderr).toMatch(/\n1 updated, 1 differs\n$/);
    expect((await say(['thing', 'show', 'import-1'])).json).toMatchObject([
      { attributes: { site: 'north, left', floor: '1' } },
    ]);
    expect((await say(['thing', 'show', 'import-4'])).json).toMatchObject([
      { lifecycleState: 'quarantined' },
    ]);
    const nameless = await cli.run(['thing', 'import', '-', '--json'], options);
    expect([nameless.code, nameless.error.code]).toEqual([2, 'cli.usage']);
  });

  test('an export is imported without a change, and makes the same things anew where they are gone', async () => {
    const odd = { 'a,b': '=1+1, "x"', empty: '', script: '灯\u2028🔦' };
    const input = JSON.stringify({
      thingName: '-import-5',
      typeName: 'lamp',
      attributes: odd,
      groupNames: ['import-hall'],
      tags: { r: '-1' },
    });
    await cli.run(['thing', 'import', '-', '--format', 'jsonl'], { environment, input });
    const query = ['--query', 'name:*import-*'];
    for (const file of ['fleet.csv', 'fleet.jsonl']) {
      const exported = await say(['thing', 'export', ...query, '--out', file]);
      expect(exported.json).toEqual([{ file, things: 3, outcome: 'exported' }]);
      expect((await say(['thing', 'import', file])).json).toEqual(
        ['-import-5', 'import-1', 'import-4'].map((thingName, at) => ({
          line: at + (file === 'fleet.csv' ? 2 : 1),
          thingName,
          outcome: 'unchanged',
        })),
      );
      const things = (await say(['thing', 'list', ...query])).json as { thingName: string }[];
      for (const { thingName } of things) await say(['thing', 'delete', '--', thingName]);
      await say(['thing', 'import', file]);
      const again = (await say(['thing', 'list', ...query])).json;
      expect(again).toEqual(things.map((thing) => ({ ...thing, createdAtMs: expect.anything() })));
    }
    expect((await cli.run(['thing', 'export', ...query], { environment })).stdout).toBe(
      readFileSync(cli.home.join('fleet.jsonl'), 'utf8'),
    );
    expect((await run(['thing', 'export', '--out', 'fleet.csv'])).error.code).toBe('cli.unwritable');
    expect((await run(['thing', 'export', '--out', 'wrong.csv', '--query', 'no field:'])).code).not.toBe(0);
    expect(existsSync(cli.home.join('wrong.csv'))).toBe(false);
    for (const thingName of ['-import-5', 'import-1', 'import-4'])
      await say(['thing', 'delete', '--', thingName]);
    await say(['group', 'delete', 'import-hall']);
  });

  test('a type is kept, shown, changed and deleted, and what it requires is asked of things', async () => {
    await say(['thing', 'create', 'kind-1', '--type', 'kind', '--attribute', 'serial=1']);
    await say(['thing-type', 'create', 'kind', '--require', 'serial', '--tag', 'team=x']);
    const lacking = await run(['thing', 'create', 'kind-2', '--type', 'kind']);
    expect([lacking.code, lacking.error.code]).toEqual([1, 'things.invalid']);
    expect((await run(['thing-type', 'update', 'kind', '--require', 'site'])).error.code).toBe(
      'things.type_unmet',
    );
    await say(['thing-type', 'update', 'kind', '--no-require', '--remove-tag', 'team']);
    expect((await say(['thing-type', 'show', 'kind'])).json).toMatchObject([
      { typeName: 'kind', requiredAttributes: [], tags: {}, thingCount: 1, lackingThingNames: [] },
    ]);
    expect((await say(['thing-type', 'list'])).json).toMatchObject([{ typeName: 'kind' }]);
    await say(['thing-type', 'delete', 'kind']);
    expect((await run(['thing-type', 'show', 'kind'])).error.code).toBe('things.type_not_found');
    await say(['thing', 'delete', 'kind-1']);
  });

  test('an operator invites another, who is one with the setup token that is printed', async () => {
    const [invited] = (await say(['operator', 'invite', 'bob', '--valid-hours', '1'])).json as [
      { setupToken: string },
    ];
    const open = await say(['operator', 'list-invitations']);
    expect(open.json).toMatchObject([{ operatorName: 'bob' }]);
    expect(open.stdout).not.toContain(invited.setupToken);
    writeFileSync(cli.home.join('bob.setup-token'), invited.setupToken);
    await say(['operator', 'setup', 'bob', '--setup-token-file', 'bob.setup-token', '--no-save']);
    const people = await cli.run(['operator', 'list'], { environment });
    expect(people.stdout).toMatch(/^bob .* tester *$/m);
    await say(['operator', 'invite', 'cid']);
    await say(['operator', 'withdraw-invitation', 'cid']);
    expect((await say(['operator', 'list-invitations'])).json).toEqual([]);
  });

  test('with the address of the devices’ listener it is told which listener is meant', async () => {
    writeFileSync(cli.home.join('setup-token'), 'fws_any');
    const refused = await cli.run(
      ['operator', 'setup', 'bob', '--setup-token-file', 'setup-token', '--json'],
      {
        environment: {
          ...environment,
          FLEETWARD_URL: `https://localhost:${platform.platform.ports.devices}`,
        },
      },
    );
    expect(refused).toMatchObject({
      code: 1,
      error: { code: 'http.not_found', hint: expect.stringContaining('operators listener') },
    });
  });

  test('a thing is created, listed and shown, also to people', async () => {
    await say(['thing', 'create', 'pump-1', '--type', 'pump', '--attribute', 'site=hall']);
    expect((await say(['thing', 'list'])).json).toContainEqual(
      expect.objectContaining({ thingName: 'pump-1', attributes: { site: 'hall' } }),
    );
    const shown = await cli.run(['thing', 'show', 'pump-1'], { environment });
    expect(shown.stdout).toMatch(/^thing\s+pump-1$/m);
    expect(shown.stdout).toMatch(/^attributes\s+site=hall$/m);
    expect(await run(['thing', 'create', 'pump-1'])).toMatchObject({
      code: 1,
      error: { code: 'things.exists' },
    });
  });

  test('the issuance log is audited, and proves a certificate without the platform', async () => {
    const keyFile = cli.home.join('log-key.pem');
    writeFileSync(keyFile, (await cli.run(['issuance-log', 'public-key'], { environment })).stdout);
    await say(['issuance-log', 'head', '--out', 'head.json']);
    await platform.enrol('logged-1');
    const audited = await say(['issuance-log', 'audit', '--key', keyFile, '--since', 'head.json']);
    expect(audited.json).toMatchObject([{ kind: 'whole', missing: [], keyFrom: 'file' }]);
    const trusting = await cli.run(['issuance-log', 'audit'], { environment });
    expect(trusting.stdout).toMatch(/^key\s+told by the audited platform itself$/m);
    expect(trusting.stderr).toMatch(/--key/);
    writeFileSync(cli.home.join('lamp-7.pem'), device.cert);
    await say(['issuance-log', 'prove', certificateId, '--since', 'head.json', '--out', 'proof.json']);
    const verify = [
      'issuance-log',
      'verify',
      'proof.json',
      '--key',
      keyFile,
      '--cert',
      'lamp-7.pem',
      '--json',
    ];
    const proven = await cli.run([...verify, '--since', 'head.json']);
    expect(proven).toMatchObject({ code: 0, json: [{ kind: 'proven' }] });
    const proof = JSON.parse(readFileSync(cli.home.join('proof.json'), 'utf8'));
    proof.entry.at++;
    writeFileSync(cli.home.join('proof.json'), JSON.stringify(proof));
    const refused = await cli.run(verify);
    expect(refused).toMatchObject({ code: 1, json: [{ kind: 'refused' }] });
    writeFileSync(cli.home.join('proof.json'), '{"head":{}}');
    expect(await cli.run(verify)).toMatchObject({ code: 2, error: { code: 'cli.unreadable' } });
    const unknown = await run(['issuance-log', 'prove', '0'.repeat(64)]);
    expect(unknown).toMatchObject({ code: 1, error: { code: 'issuance_log.not_logged' } });
  });

  test('a rewritten log does not pass for the one of an older head', async () => {
    const keyFile = cli.home.join('log-key.pem');
    await say(['issuance-log', 'head', '--out', 'other-head.json']);
    const head = JSON.parse(readFileSync(cli.home.join('other-head.json'), 'utf8'));
    writeFileSync(cli.home.join('other-head.json'), JSON.stringify({ ...head, size: head.size + 1 }));
    const outcome = await run(['issuance-log', 'audit', '--key', keyFile, '--since', 'other-head.json']);
    expect(outcome).toMatchObject({ code: 1, json: [{ kind: 'broken' }] });
  });

  test('a device proves for itself that its certificate is logged, and that the log only grew', async () => {
    const { checkIssuance, connectPlatform } = await import('@fleetward/device');
    const identity = { chain: device.cert, key: device.key, root: platform.rootPem };
    const api = connectPlatform(identity, { url: `https://localhost:${platform.platform.ports.devices}` });
    try {
      const first = await checkIssuance(api, { identity });
      if (first.kind !== 'logged') throw new Error(first.reason);
      const { log } = first;
      expect(await checkIssuance(api, { identity, known: log })).toMatchObject({ kind: 'logged' });
      const { head } = log;
      const other = { ...log, head: { ...head, rootHash: parseSha256('0'.repeat(64)) } };
      expect(await checkIssuance(api, { identity, known: other })).toMatchObject({ kind: 'refused' });
    } finally {
      api.close();
    }
  });

  test('a certificate is attached and detached', async () => {
    await say(['thing', 'create', 'pump-2']);
    await say(['thing', 'attach-certificate', 'pump-2', certificateId]);
    expect((await say(['thing', 'show', 'pump-2'])).json).toMatchObject([
      { certificates: [{ certificateId, exclusive: false }] },
    ]);
    await say(['thing', 'detach-certificate', 'pump-2', certificateId]);
    expect((await say(['thing', 'show', 'pump-2'])).json).toMatchObject([{ certificates: [] }]);
  });

  test('groups are made, filled, given policies and shown', async () => {
    await say(['thing', 'create', 'oven-1']);
    await say(['group', 'create', 'kitchen']);
    await say(['group', 'create', 'ovens', '--parent', 'kitchen']);
    await say(['group', 'add', 'ovens', 'oven-1', 'lamp-7']);
    await say(['policy', 'attach', 'lamps', '--group', 'ovens']);
    expect((await say(['group', 'show', 'ovens'])).json).toMatchObject([
      { groupName: 'ovens', ancestorNames: ['kitchen'], thingCount: 2, policyNames: ['lamps'] },
    ]);
    expect((await say(['policy', 'show', 'lamps'])).json).toMatchObject([{ groupNames: ['ovens'] }]);
    expect((await say(['thing', 'show', 'oven-1'])).json).toMatchObject([{ groupNames: ['ovens'] }]);
    expect((await say(['group', 'list-things', 'ovens'])).json).toEqual([
      { thingName: 'lamp-7' },
      { thingName: 'oven-1' },
    ]);
    expect(await cli.run(['group', 'list-things', 'kitchen'], { environment })).toMatchObject({
      stdout: 'no things in the group itself\n',
      stderr: expect.stringContaining('one group under it: `fleetward thing list --query group:kitchen`'),
    });
    expect((await say(['thing', 'list', '--query', 'group:kitchen'])).json).toMatchObject([
      { thingName: 'lamp-7' },
      { thingName: 'oven-1' },
    ]);
  });

  test('groups are moved, listed, emptied and deleted', async () => {
    expect(await run(['group', 'delete', 'kitchen'])).toMatchObject({
      error: { message: 'group `kitchen` is not empty: it has one group under it' },
    });
    await say(['group', 'move', 'ovens', '--top']);
    expect((await say(['group', 'list'])).json).toMatchObject([
      { groupName: 'kitchen' },
      { groupName: 'ovens' },
    ]);
    expect(await run(['group', 'delete', 'ovens'])).toMatchObject({
      error: { code: 'groups.not_empty', message: 'group `ovens` is not empty: it has 2 things' },
    });
    await say(['policy', 'detach', 'lamps', '--group', 'ovens']);
    await say(['group', 'remove', 'ovens', 'oven-1', 'lamp-7']);
    await say(['group', 'delete', 'ovens']);
    await say(['group', 'delete', 'kitchen']);
    expect((await say(['group', 'list'])).json).toEqual([]);
    expect(await run(['group', 'move', 'ovens'])).toMatchObject({ code: 2, error: { code: 'cli.usage' } });
  });

  test('a dynamic group has what matches its query now, and is refused where only a static one will do', async () => {
    await say(['thing', 'create', 'fan-2', '--type', 'fan', '--tag', 'ring=1']);
    await say(['group', 'create', 'first-ring', '--query', 'tag.ring:1', '--tag', 'team=blue']);
    expect((await say(['group', 'show', 'first-ring'])).json).toMatchObject([
      { query: 'tag.ring:1', tags: { team: 'blue' }, thingCount: 1 },
    ]);
    expect((await say(['group', 'list-things', 'first-ring'])).json).toEqual([{ thingName: 'fan-2' }]);
    await say(['thing', 'update', 'fan-2', '--remove-tag', 'ring']);
    expect((await say(['group', 'list-things', 'first-ring'])).json).toEqual([]);
    await say(['group', 'update', 'first-ring', '--query', 'type:fan', '--remove-tag', 'team']);
    expect((await say(['group', 'show', 'first-ring'])).json).toMatchObject([
      { query: 'type:fan', tags: {}, thingCount: 1 },
    ]);
    for (const args of [
      ['group', 'add', 'first-ring', 'lamp-7'],
      ['policy', 'attach', 'lamps', '--group', 'first-ring'],
      ['join-token', 'create', 'fan-*', '--group', 'first-ring'],
    ])
      expect(await run(args), args.join(' ')).toMatchObject({ code: 1, error: { code: 'groups.dynamic' } });
    await say(['group', 'delete', 'first-ring']);
    await say(['thing', 'delete', 'fan-2']);
  });

  test('a thing is changed, attribute by attribute, and deleted', async () => {
    await say(['thing', 'create', 'fan-1', '--type', 'fan', '--attribute', 'site=hall']);
    await say(['thing', 'update', 'fan-1', '--attribute', 'floor=2', '--tag', 'ring=1', '--tag', 'old=x']);
    await say(['thing', 'update', 'fan-1', '--remove-tag', 'old']);
    expect((await say(['thing', 'show', 'fan-1'])).json).toMatchObject([
      { typeName: 'fan', attributes: { site: 'hall', floor: '2' } },
    ]);
    const changed = await say(['thing', 'update', 'fan-1', '--no-type', '--remove-attribute', 'site']);
    expect(changed.json).toEqual([
      {
        thingName: 'fan-1',
        attributes: { floor: '2' },
        tags: { ring: '1' },
        lifecycleState: 'manufactured',
        createdAtMs: expect.any(Number),
      },
    ]);
    const retired = await say(['thing', 'set-state', 'fan-1', '--to', 'retired', '--reason', 'burnt']);
    expect(retired.json).toMatchObject([{ lifecycleState: 'retired' }]);
    expect((await say(['thing', 'list', '--query', 'state:retired and tag.ring:1'])).json).toMatchObject([
      { thingName: 'fan-1' },
    ]);
    expect(await run(['thing', 'set-state', 'fan-1', '--to', 'active'])).toMatchObject({
      code: 1,
      error: { code: 'things.state_refused' },
    });
    await say(['thing', 'delete', 'fan-1']);
    expect(await run(['thing', 'show', 'fan-1'])).toMatchObject({ error: { code: 'things.not_found' } });
    expect(await run(['thing', 'delete', 'lamp-7'])).toMatchObject({ error: { code: 'things.attached' } });
  });

  test('what a thing did is shown, and becomes the least policy, written to a file', async () => {
    const client = await connectDevice();
    await client.publishAsync('telemetry/lamp-7', '1', { qos: 1 });
    expect((await say(['activity', 'show', 'lamp-7'])).json).toMatchObject([
      {
        entries: [
          { action: 'iot:Connect', resource: 'client/lamp-7' },
          { action: 'iot:Publish', resource: 'topic/telemetry/lamp-7' },
        ],
      },
    ]);
    await client.endAsync(true);
    const args = ['policy', 'synthesise', '--thing', 'lamp-7', '--since', '1h', '--out', 'least.json'];
    expect((await say(args)).json).toMatchObject([{ things: { active: 1 }, warnings: [] }]);
    const least = JSON.parse(readFileSync(cli.home.join('least.json'), 'utf8'));
    expect(least.Statement.map(({ Resource }: { Resource: unknown }) => Resource)).toEqual([
      ['arn:aws:iot:REGION:ACCOUNT_ID:client/${iot:Connection.Thing.ThingName}'],
      ['arn:aws:iot:REGION:ACCOUNT_ID:topic/telemetry/${iot:Connection.Thing.ThingName}'],
    ]);
    expect(await run(['policy', 'synthesise', '--since', '1h'])).toMatchObject({
      error: { code: 'cli.usage' },
    });
  });

  test('a version in trial is shown, and not promoted before it has seen anything', async () => {
    writeFileSync(cli.home.join('lamps-2.json'), document.replace('telemetry', 'readings'));
    await say(['policy', 'add-version', 'lamps', 'lamps-2.json']);
    await say(['policy', 'trial', 'start', 'lamps', '--version', '2']);
    expect((await say(['policy', 'trial', 'show', 'lamps'])).json).toMatchObject([
      { versionId: 2, isClean: false, decisions: 0 },
    ]);
    expect(await run(['policy', 'promote', 'lamps'])).toMatchObject({
      code: 1,
      error: { code: 'policies.trial_not_clean' },
    });
  });

  test('a version in trial is put in force by force, and the one before is back with one command', async () => {
    await say(['policy', 'promote', 'lamps', '--force']);
    expect((await say(['policy', 'rollback', 'lamps'])).json).toEqual([
      { policyName: 'lamps', versionId: 1 },
    ]);
    expect(await run(['policy', 'trial', 'stop', 'lamps'])).toMatchObject({
      error: { code: 'policies.no_trial' },
    });
    await say(['policy', 'delete-version', 'lamps', '2']);
  });

  test('a join token is made with its terms, listed without its secret, and revoked', async () => {
    const args = ['join-token', 'create', 'lamp-*', '--uses', '3', '--expires', '2h', '--policy', 'lamps'];
    const [token] = (await say(args)).json as [
      { tokenId: string; secret: string; createdAtMs: number; expiresAtMs: number },
    ];
    expect(token).toMatchObject({
      usesMax: 3,
      policies: ['lamps'],
      expiresAtMs: token.createdAtMs + 7_200_000,
    });
    expect((await say(['join-token', 'list'])).stdout).not.toContain(token.secret);
    expect((await say(['join-token', 'show', token.tokenId])).json).toMatchObject([
      { namePattern: 'lamp-*', usesLeft: 3 },
    ]);
    await say(['join-token', 'revoke', token.tokenId]);
    expect((await say(['join-token', 'list'])).json).toContainEqual(
      expect.objectContaining({ tokenId: token.tokenId, revokedAtMs: expect.any(Number) }),
    );
  });

  test('a shadow is changed, got, listed and deleted, and a stale version changes nothing', async () => {
    await say(['thing', 'create', 'fan-1']);
    writeFileSync(cli.home.join('desired.json'), '{"speed":3,"old":null}');
    await say(['shadow', 'update', 'fan-1', 'desired.json', '--name', 'config']);
    await say(['shadow', 'update', 'fan-1', '--desired', '{"on":true}', '--only-version', '0']);
    expect((await say(['shadow', 'get', 'fan-1', '--name', 'config'])).json).toMatchObject([
      { state: { desired: { speed: 3 }, delta: { speed: 3 } }, version: 1 },
    ]);
    const shown = await cli.run(['shadow', 'get', 'fan-1'], { environment });
    expect(JSON.parse(shown.stdout)).toEqual({ desired: { on: true }, delta: { on: true } });
    const stale = ['shadow', 'update', 'fan-1', '--desired', '{"on":false}', '--only-version', '0'];
    expect((await run(stale)).error).toMatchObject({ code: 'shadows.version_conflict' });
    expect((await run(['shadow', 'update', 'fan-1', '--desired', '[]'])).error).toMatchObject({
      code: 'cli.unreadable',
    });
    expect((await run(['shadow', 'update', 'fan-1'])).code).toBe(2);
    expect((await say(['shadow', 'list', 'fan-1'])).json).toMatchObject([
      { shadowName: '', version: 1 },
      { shadowName: 'config', version: 1 },
    ]);
    await say(['shadow', 'delete', 'fan-1', '--name', 'config']);
    expect((await run(['shadow', 'get', 'fan-1', '--name', 'config'])).error).toMatchObject({
      code: 'shadows.not_found',
    });
  });

  test('what a thing reported of itself is listed, shown, followed over time and deleted', async () => {
    await say(['thing', 'create', 'meter-1']);
    expect((await say(['device-metric', 'list', 'meter-1'])).json).toEqual([]);
    const none = await run(['device-metric', 'show', 'meter-1']);
    expect(none.error).toMatchObject({
      code: 'device_metrics.not_found',
      hint: expect.stringContaining('device-metric list'),
    });
    const history = ['device-metric', 'history', 'meter-1', 'battery'];
    expect((await say([...history, '--from', '14d', '--bucket', '1d'])).json).toEqual([]);
    const tooFine = await run([...history, '--from', '14d', '--bucket', '1s']);
    expect(tooFine.error).toMatchObject({ code: 'device_metrics.range_too_long' });
    expect((await run([...history, '--bucket', 'soon'])).code).toBe(2);
    expect((await run(['device-metric', 'show', 'meter-1', 'last'])).code).toBe(2);
    await say(['device-metric', 'delete', 'meter-1']);
  });

  test('a target token is printed once, replaced, listed without its secret and deleted', async () => {
    await say(['thing', 'create', 'valve-1']);
    const refused = await run(['target-token', 'create', 'valve-1']);
    expect(refused.error).toMatchObject({ code: 'ddi.token_not_allowed' });
    await say(['group', 'create', 'suricatta']);
    await say(['group', 'add', 'suricatta', 'valve-1']);
    const [token] = (await say(['target-token', 'create', 'valve-1'])).json as [{ secret: string }];
    const told = await cli.run(['target-token', 'create', 'valve-1'], { environment });
    expect(told.stdout).toMatch(/^fwt_[A-Za-z0-9_-]{43}\n$/);
    const listed = await say(['target-token', 'list']);
    expect(listed.json).toMatchObject([{ thingName: 'valve-1' }]);
    const shown = await cli.run(['target-token', 'list'], { environment });
    expect(shown.stdout).toMatch(new RegExp(`^valve-1 .* ${await myName()}$`, 'm'));
    expect(listed.stdout).not.toContain(token.secret);
    await say(['target-token', 'delete', 'valve-1']);
    expect((await run(['target-token', 'delete', 'valve-1'])).error).toMatchObject({
      code: 'ddi.token_not_found',
    });
    await say(['group', 'remove', 'suricatta', 'valve-1']);
    await say(['group', 'delete', 'suricatta']);
  });

  test('TPMs and a vendor of TPMs are trusted, by PEM or DER, listed, and trusted no more', async () => {
    const file = (name: string) => cli.home.join(name);
    const key = ['-newkey', 'rsa:2048', '-noenc', '-keyout', file('tpm.key')];
    await openssl([
      'req',
      '-x509',
      ...key,
      '-subj',
      '/CN=Vendor',
      '-outform',
      'DER',
      '-out',
      file('vendor.der'),
    ]);
    await openssl([
      'req',
      '-x509',
      ...key,
      '-subj',
      '/CN=EK',
      '-addext',
      'basicConstraints=CA:FALSE',
      '-out',
      file('ek.pem'),
    ]);
    const ekHash = 'AB'.repeat(32);
    await say(['endorsement', 'add', '--ek-hash', ekHash]);
    const [root] = (await say(['endorsement', 'add', '--root', 'vendor.der'])).json as [
      { endorsementId: string },
    ];
    expect(root).toMatchObject({ kind: 'root', subject: 'CN=Vendor' });
    await say(['endorsement', 'add', '--certificate', 'ek.pem']);
    expect((await run(['endorsement', 'add', '--certificate', 'vendor.der'])).error).toMatchObject({
      code: 'endorsements.refused',
    });
    for (const wrong of [[], ['--ek-hash', ekHash, '--root', 'vendor.der'], ['--ek-hash', ekHash.slice(1)]])
      expect((await run(['endorsement', 'add', ...wrong])).error).toMatchObject({ code: 'cli.usage' });
    const ek = readFileSync(file('ek.pem'), 'utf8');
    writeFileSync(file('vendors.pem'), `${ek}${ek}`);
    expect((await run(['endorsement', 'add', '--root', 'vendors.pem'])).error).toMatchObject({
      code: 'cli.unreadable',
      message: '`vendors.pem` holds 2 certificates: one is trusted at a time',
    });
    expect((await run(['endorsement', 'delete', 'ab'])).error).toMatchObject({
      message: expect.stringContaining('fleetward endorsement list'),
    });
    const listed = (await say(['endorsement', 'list'])).json as { endorsementId: string; kind: string }[];
    expect(listed.map(({ kind }) => kind).toSorted()).toEqual(['key', 'key', 'root']);
    expect(listed).toContainEqual(expect.objectContaining({ endorsementId: ekHash.toLowerCase() }));
    await say(['endorsement', 'delete', root.endorsementId]);
    expect((await run(['endorsement', 'delete', root.endorsementId])).error).toMatchObject({
      code: 'endorsements.not_found',
    });
  });

  test('a thing is given a job, which is followed, cancelled and removed', async () => {
    writeFileSync(cli.home.join('job.json'), '{"operation":"reboot"}');
    const create = ['job', 'create', '--id', 'reboot', '--document', 'job.json', '--thing', 'lamp-7'];
    const [job] = (await say(create)).json as [object];
    expect(job).toMatchObject({ jobId: 'reboot', things: 1 });
    expect((await say(['job', 'executions', 'reboot'])).json).toMatchObject([
      { thingName: 'lamp-7', status: 'QUEUED' },
    ]);
    expect((await say(['job', 'of-thing', 'lamp-7'])).json).toMatchObject([{ jobId: 'reboot' }]);
    expect((await say(['job', 'show', 'reboot'])).json).toMatchObject([
      { document: { operation: 'reboot' } },
    ]);
    const told = await cli.run(['job', 'show', 'reboot'], { environment });
    expect(told.stdout).toMatch(new RegExp(`^by\\s+${await myName()}$`, 'm'));
    expect((await run(create)).error).toMatchObject({ code: 'jobs.exists' });
    expect((await run(['job', 'delete', 'reboot'])).error).toMatchObject({ code: 'jobs.state' });
    expect((await say(['job', 'cancel-execution', 'reboot', 'lamp-7'])).json).toMatchObject([
      { status: 'CANCELED' },
    ]);
    expect((await say(['job', 'execution', 'reboot', 'lamp-7'])).json).toMatchObject([{ versionNumber: 2 }]);
    const watched = (await say(['job', 'watch', 'reboot'])).json as readonly { state: string }[];
    expect(watched.at(-1)?.state).toBe('COMPLETED');
    expect((await say(['job', 'list'])).json).toMatchObject([{ jobId: 'reboot', counts: { CANCELED: 1 } }]);
    expect((await run(['job', 'cancel', 'reboot'])).error).toMatchObject({ code: 'jobs.state' });
    await say(['job', 'delete', 'reboot']);
  });

  test('an enrolment left its trace, step by step', async () => {
    const attempts = (await say(['enrollment', 'list'])).json as readonly { attemptId: string }[];
    expect(attempts).toContainEqual(expect.objectContaining({ outcome: 'issued', thingName: 'lamp-7' }));
    const [{ attemptId } = { attemptId: '' }] = attempts;
    expect((await say(['enrollment', 'show', attemptId])).json).toMatchObject([
      { attemptId, steps: expect.arrayContaining([expect.objectContaining({ outcome: 'passed' })]) },
    ]);
    const told = await cli.run(['enrollment', 'show', attemptId], { environment });
    expect(told.stdout).toMatch(/^1\. token +passed: join token `[0-9a-f]+`/m);
  });

  test('a renewal campaign is started, paused, resumed, watched to its end and listed', async () => {
    const [campaign] = (await say(['renewal', 'start', '--all', '--rate', '1/min'])).json as [
      { campaignId: string; members: number },
    ];
    const { campaignId, members } = campaign;
    expect(members).toBeGreaterThan(0);
    for (const [verb, state] of [
      ['pause', 'PAUSED'],
      ['resume', 'RUNNING'],
    ] as const)
      expect((await say(['renewal', verb, campaignId])).json).toMatchObject([{ state }]);
    expect((await say(['renewal', 'members', campaignId])).json).toHaveLength(members);
    await say(['renewal', 'cancel', campaignId]);
    expect((await say(['renewal', 'watch', campaignId])).json).toMatchObject([{ state: 'CANCELLED' }]);
    expect((await say(['renewal', 'show', campaignId])).json).toMatchObject([{ members }]);
    const listed = await cli.run(['renewal', 'list'], { environment });
    expect(listed.stdout).toMatch(/CANCELLED +all +1\/min +0 of/);
    const again = await run(['renewal', 'resume', campaignId]);
    expect(again.error).toMatchObject({ code: 'renewals.state' });
    expect((await run(['renewal', 'start', '--rate', '10/min'])).error).toMatchObject({
      code: 'renewals.invalid',
    });
    expect((await run(['renewal', 'start', '--all', '--rate', 'fast'])).code).toBe(2);
  });

  test('a refused policy is told with its file and place, each reason once', async () => {
    writeFileSync(cli.home.join('comma.json'), '{\n  "Version": "2012-10-17",\n  "Statement": [,]\n}');
    const refused = await cli.run(['policy', 'create', 'comma', 'comma.json'], { environment });
    expect(refused.stderr).toContain('comma.json:3:17`: policy refused');
    expect(refused.stderr.split('expected a JSON value')).toHaveLength(2);
    const again = await run(['policy', 'create', 'lamps', 'lamps.json']);
    expect(again.error).toMatchObject({ code: 'policies.exists' });
    expect(again.error.hint).toContain('policy add-version');
  });

  test('a placeholder is noted once, however often it stands in a document', async () => {
    const saved = await cli.run(['policy', 'create', 'noted', 'lamps.json'], { environment });
    for (const name of ['REGION', 'ACCOUNT_ID'])
      expect(saved.stdout.split(`\`${name}\``), name).toHaveLength(2);
  });

  test.for([
    { args: ['cert', 'show', 'abc'], says: 'certificate id: 64 hex digits; see `fleetward cert list`' },
    {
      args: ['ca', 'set-state', 'abc', 'retired'],
      says: 'see `fleetward cert list` and `fleetward ca list`',
    },
    { args: ['renewal', 'start', '--issuer', 'abc', '--rate', '1'], says: 'see `fleetward ca list`' },
    { args: ['renewal', 'show', 'abc'], says: 'see `fleetward renewal list`' },
    { args: ['enrollment', 'show', 'abc'], says: 'see `fleetward enrollment list`' },
    { args: ['join-token', 'show', '00'.repeat(16)], says: 'there is no join token' },
    { args: ['ca', 'show', '00'.repeat(32)], says: 'there is no CA' },
    { args: ['claim', 'show', '00'.repeat(32)], says: 'there is no claim' },
    { args: ['join-token', 'revoke', 'abc'], says: 'see `fleetward join-token list`' },
    { args: ['policy', 'show', 'a b'], says: 'policy name: ' },
    { args: ['thing', 'show', 'a b'], says: 'thing name: ' },
    { args: ['join-token', 'create', 'a b'], says: 'name pattern: ' },
    { args: ['join-token', 'create', 'a', '--policy', 'b c'], says: 'policy name: ' },
  ])('$args: says `$says`', async ({ args, says }) => {
    const refused = await cli.run(args, { environment });
    expect(refused.stderr).toContain(says);
    expect(refused.stderr).not.toContain('pattern "');
    expect(refused.code).toBe(1);
  });

  test('a policy goes through its versions', async () => {
    await say(['policy', 'create', 'trial', 'lamps.json']);
    expect((await say(['policy', 'add-version', 'trial', 'lamps.json'])).json).toMatchObject([
      { versionId: 2, isDefault: false },
    ]);
    await say(['policy', 'set-default', 'trial', '2']);
    expect((await say(['policy', 'show', 'trial'])).json).toMatchObject([{ defaultVersionId: 2 }]);
    const shown = await cli.run(['policy', 'show', 'trial', '--version', '1', '--document'], { environment });
    expect(shown.stdout).toBe(`${document}\n`);
    await say(['policy', 'delete-version', 'trial', '1']);
    await say(['policy', 'attach', 'trial', '--thing', 'lamp-7']);
    expect(await run(['policy', 'delete', 'trial'])).toMatchObject({
      code: 1,
      error: { code: 'policies.attached' },
    });
    expect((await say(['policy', 'detach', 'trial', '--thing', 'lamp-7'])).json).toMatchObject([
      { certificateIds: [certificateId] },
    ]);
    await say(['policy', 'delete', 'trial']);
    expect((await say(['policy', 'list'])).json).not.toContainEqual(
      expect.objectContaining({ policyName: 'trial' }),
    );
  });

  test('a guard rail refuses what would break it, with the request that shows it', {
    timeout: 120_000,
  }, async () => {
    await say(['policy', 'create', 'railed', 'lamps.json']);
    const never = ['never', '--action', 'publish', '--resource', 'firmware/*'];
    expect((await say(['policy', 'prove', ...never, '--stored', 'railed'])).json).toMatchObject([
      { verdict: 'yes' },
    ]);
    const about = ['--stored', 'railed'];
    expect((await say(['policy', 'prove', 'dead', ...about])).json).toMatchObject([
      { dead: [], undecided: [] },
    ]);
    expect((await say(['policy', 'prove', 'equal', 'lamps.json', ...about])).json).toMatchObject([
      { verdict: 'yes' },
    ]);
    expect((await say(['policy', 'prove', 'at-most', 'lamps.json', ...about])).json).toMatchObject([
      { verdict: 'yes' },
    ]);
    expect((await say(['policy', 'prove', 'no-cross-device', ...about])).json).toMatchObject([
      { verdict: 'yes' },
    ]);
    await say(['guardrail', 'create', 'no-firmware', ...never, '--policy', 'railed']);
    writeFileSync(cli.home.join('railed-2.json'), document.replace('topic/telemetry/', 'topic/firmware/'));
    const refused = await cli.run(['policy', 'add-version', 'railed', 'railed-2.json'], { environment });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('policies.guardrail_broken');
    expect(refused.stderr).toContain('topic/firmware/');
    const differs = await run(['policy', 'prove', 'equal', 'railed-2.json', ...about]);
    expect(differs).toMatchObject({ code: 1, json: [{ verdict: 'no' }] });
    const diff = await run(['policy', 'prove', 'diff', 'railed-2.json', ...about]);
    expect(diff).toMatchObject({
      code: 1,
      json: [{ isExact: true, additions: [{ actions: ['iot:Publish'] }] }],
    });
    const dead = await run(['policy', 'prove', 'dead', 'lamps.json', ...about]);
    expect(dead.code).toBe(1);
    expect(dead.json).toMatchObject([{ dead: [{ policyName: 'document-1', why: 'covered' }, {}] }]);
    expect(await run(['policy', 'prove', 'diff', ...about])).toMatchObject({ code: 2 });
    const proved = await run([
      'policy',
      'prove',
      ...never,
      '--stored',
      'railed',
      '--policy',
      'railed-2.json',
    ]);
    expect(proved).toMatchObject({ code: 1, json: [{ verdict: 'no' }] });
    expect((await say(['guardrail', 'list'])).json).toMatchObject([
      { guardrailName: 'no-firmware', policyName: 'railed' },
    ]);
    await say(['guardrail', 'delete', 'no-firmware']);
    await say(['policy', 'add-version', 'railed', 'railed-2.json']);
  });

  test('a policy that is attached to nothing is shown as one that decides nothing', async () => {
    const { createPolicy } = await import('@fleetward/protocol');
    await platform.api.call(createPolicy, { body: { policyName: 'idle', document } });
    const shown = await cli.run(['policy', 'show', 'idle'], { environment });
    expect(shown.stdout).toContain('warning[not-attached]: the policy is attached to no certificate');
  });

  test('what was bound is one line below the findings, and each place with --verbose', {
    timeout: 60_000,
  }, async () => {
    const short = await cli.run(['policy', 'create', 'bound', 'lamps.json'], { environment });
    expect(short.stdout.match(/note\[bound\]/g)).toHaveLength(1);
    expect(short.stdout.trimEnd()).toMatch(/\(\d+ places; all with `--verbose`\)$/);
    const args = ['policy', 'add-version', 'bound', 'lamps.json', '--verbose'];
    const long = await cli.run(args, { environment });
    expect(long.stdout.match(/note\[bound\]/g)!.length).toBeGreaterThan(2);
    expect(long.stdout).not.toContain('--verbose');
  });

  test('a refused document is told with every place', async () => {
    writeFileSync(cli.home.join('bad.json'), '{"Version":"2012-10-17","Statement":[],"Extra":1}');
    const outcome = await cli.run(['policy', 'create', 'bad', 'bad.json'], { environment });
    expect(outcome.stderr).toContain('at $.Extra');
    expect(outcome.code).toBe(1);
  });

  test('a policy test exits with 0 when all is allowed, and with 1 when something is not', async () => {
    const who = ['policy', 'test', '--thing', 'lamp-7'];
    await say([...who, 'Connect', 'client/lamp-7', 'Publish', 'topic/telemetry/lamp-7']);
    const denied = await run([...who, 'Publish', 'topic/telemetry/lamp-8']);
    expect(denied.json).toMatchObject([
      { decision: 'implicitDeny', nearest: { kind: 'variable', needed: 'lamp-8', statement: { index: 1 } } },
    ]);
    expect(denied.code).toBe(1);
  });

  test('a policy test decides for a device that is only thought of, with all that variables can be about', {
    timeout: 120_000,
  }, async () => {
    const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
    const parts = [
      '${iot:Connection.Thing.ThingTypeName}',
      '${iot:Connection.Thing.Attributes[hall]}',
      '${iot:Certificate.Subject.CommonName.1}',
      '${iot:Certificate.Issuer.AlternativeName.DNSName}',
      '${iot:Certificate.SerialNumber}',
    ];
    const Statement = {
      Effect: 'Allow',
      Action: 'iot:Connect',
      Resource: `${arn}client/${parts.join('-')}`,
      Condition: { StringEquals: { 'iot:LastWillTopic': 'gone' } },
    };
    writeFileSync(cli.home.join('facts.json'), JSON.stringify({ Version: '2012-10-17', Statement }));
    const imagined = ['policy', 'test', '--document', 'facts.json', '--hypothetical-thing', 'new-1'];
    const facts = ['--type', 'lamp', '--attribute', 'hall=2', '--persistent', '--will-topic', 'gone'];
    const names = ['Subject.CommonName=a', 'Subject.CommonName=b', 'Issuer.AlternativeName.DNSName=c'];
    const fields = [...names, 'SerialNumber=0d'].flatMap((field) => ['--certificate-field', field]);
    const asked = ['Connect', 'client/lamp-2-b-c-0d'];
    await say([...imagined, ...facts, ...fields, ...asked]);
    expect(await run([...imagined, ...facts, ...fields.slice(2), ...asked])).toMatchObject({ code: 1 });
    // Groups it would be in, with what these are under.
    await say(['policy', 'create', 'imagined', 'lamps.json']);
    await say(['group', 'create', 'imagined-all']);
    await say(['group', 'create', 'imagined-some', '--parent', 'imagined-all']);
    await say(['policy', 'attach', 'imagined', '--group', 'imagined-all']);
    const inGroup = ['policy', 'test', '--hypothetical-thing', 'new-1', 'Connect', 'client/new-1'];
    expect(await run(inGroup)).toMatchObject({ code: 1 });
    await say([...inGroup, '--group', 'imagined-some']);
    expect(await run([...inGroup, '--group', 'nowhere'])).toMatchObject({
      error: { code: 'groups.not_found' },
    });
    // What cannot be is said.
    const odd = await run([...imagined, '--certificate-field', 'Subject.Colour=red', ...asked]);
    expect(odd).toMatchObject({ code: 1, error: { code: 'policies.invalid_request' } });
    for (const flags of [
      ['--certificate-field', 'Colour=red'],
      ['--attribute', 'hall'],
    ])
      expect(await run([...imagined, ...flags, ...asked])).toMatchObject({ code: 2 });
    expect(await run(['policy', 'test', '--type', 'lamp', ...asked])).toMatchObject({ code: 2 });
  });

  test('a live connection is listed, its denial explained, and it is closed', async () => {
    const client = await connectDevice();
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    client.on('error', () => undefined);
    expect((await say(['connection', 'list', '--thing', 'lamp-7'])).json).toMatchObject([
      { clientId: 'lamp-7', certificateId },
    ]);
    const shown = await cli.run(['thing', 'show', 'lamp-7'], { environment });
    expect(shown.stdout).toMatch(/^connected\s+true\n {2}since/m);
    await client.publishAsync('telemetry/lamp-8', 'x', { qos: 1 }).catch(() => undefined);
    const denials = await say([
      'denial',
      'list',
      '--thing',
      'lamp-7',
      '--cause',
      'publish_denied',
      '--since',
      '1h',
    ]);
    expect(denials.json).toMatchObject([
      { resource: expect.stringContaining('telemetry/lamp-8'), explanation: expect.any(String) },
    ]);
    await say(['connection', 'close', 'lamp-7']);
    await closed;
    expect((await say(['connection', 'list'])).json).toEqual([]);
  });

  test('things are found by what is known of them, also by a connection that is there now, and counted', async () => {
    const names = async (query: string) =>
      ((await say(['thing', 'list', '--query', query])).json as { thingName: string }[]).map(
        ({ thingName }) => thingName,
      );
    const query = 'connected:true and cert.state:active and not type:pump';
    expect(await names(query)).toEqual([]);
    const client = await connectDevice();
    expect(await names(query)).toEqual(['lamp-7']);
    await client.endAsync(true);
    await expect.poll(() => names('connected:true')).toEqual([]);
    expect(await names('attribute.site:hall and type:pump')).toEqual(['pump-1']);
    const counted = await say(['thing', 'count', '--by', 'type', '--query', 'attribute.site:hall']);
    expect(counted.json).toEqual([{ value: 'pump', count: 1 }]);
    const shown = await cli.run(['thing', 'count', '--by', 'cert.state'], { environment });
    expect(shown.stdout).toMatch(/^active\s+\d+$/m);
    expect(shown.stderr).toMatch(/^\d+ things, \d+ without `cert\.state`$/m);
  });

  test.for([
    ['type:pump and fimware<2', 'search.field_unknown', /^at 15: there is no field `fimware`/],
    ['cert.state:fine', 'search.query_invalid', /^at 12: `cert\.state` is one of active,/],
    ['(type:pump', 'search.query_invalid', /^at 1: this `\(` is not closed$/],
    ['', 'search.query_invalid', /^at 1: here a condition is missing, such as `type:oven`$/],
  ] as const)(
    'the query `%s` is refused with what is wrong with it, and where',
    async ([query, code, message]) => {
      for (const verb of [['list'], ['count', '--by', 'type']])
        expect(await run(['thing', ...verb, '--query', query])).toMatchObject({
          code: 1,
          error: { code, message: expect.stringMatching(message) },
        });
    },
  );

  test('the trail is exported, verified with a checkpoint kept before, and listed', async () => {
    await say(['trail', 'checkpoint', '--out', 'checkpoint.json']);
    const key = await cli.run(['trail', 'public-key'], { environment });
    writeFileSync(cli.home.join('trail.pem'), key.stdout);
    await say(['trail', 'export', '--out', 'trail.jsonl']);
    expect(statSync(cli.home.join('trail.jsonl')).mode & 0o077).toBe(0);
    const verified = await say([
      'trail',
      'verify',
      'trail.jsonl',
      '--key',
      'trail.pem',
      '--expected',
      'checkpoint.json',
    ]);
    expect(verified.json).toMatchObject([{ kind: 'intact' }]);
    const listed = await say(['trail', 'list', '--verify', '--key', 'trail.pem']);
    expect(listed.json[0]).toMatchObject({ kind: 'intact' });
    expect(listed.json[1]).toMatchObject({ entry: { seq: 1, kind: 'platform.initialised' } });
    const some = await say(['trail', 'list', '--after', '1', '--limit', '2']);
    expect(some.json).toMatchObject([{ entry: { seq: 2 } }, { entry: { seq: 3 } }]);
    const again = await run(['trail', 'export', '--out', 'trail.jsonl']);
    expect(again).toMatchObject({ code: 1, error: { code: 'cli.unwritable' } });
  });

  test('following the trail shows an entry that is made meanwhile', async () => {
    await using following = cli.start(['trail', 'list', '--follow', '--json'], { environment });
    await following.waitForOutput(/platform\.initialised/);
    await say(['thing', 'create', 'seen-live']);
    await following.waitForOutput(/seen-live/);
  });

  test('following the denials shows one that happens meanwhile, with its reason', async () => {
    const args = ['denial', 'list', '--cause', 'tls_no_certificate', '--follow', '--json'];
    await using following = cli.start(args, { environment });
    const socket = await platform.connectTls();
    socket.on('error', () => undefined).resume();
    await following.waitForOutput(/"cause":"tls_no_certificate"/);
  });

  test('a release goes from the engineer’s folder to the platform, and publishing it twice harms nothing', async () => {
    const secrets = { ...environment, FLEETWARD_PASSPHRASE: 'correct horse' };
    mkdirSync(cli.home.join('work'), { recursive: true });
    writeFileSync(cli.home.join('lamp.img'), Buffer.alloc(300_000, 7));
    const sbom = '{ "bomFormat": "CycloneDX", "specVersion": "1.6" }\n';
    writeFileSync(cli.home.join('lamp.cdx.json'), sbom);
    await say(['release', 'online-keys', '--out', 'online.json']);
    const linked = ['--sbom', 'lamp.cdx.json'];
    const steps: readonly (readonly string[])[] = [
      ['keygen', 'ada.key'],
      ['init', 'releases', '--root-key', 'ada.key', '--online-keys', 'online.json'],
      [
        'add',
        'releases',
        'lamp.img',
        '--product',
        'lamp',
        '--version',
        '1.0.0',
        '--hardware',
        'rev-b',
        ...linked,
      ],
      ['sign', 'releases', '--key', 'ada.key'],
      ['publish', 'releases'],
    ];
    for (const step of steps) {
      const outcome = await cli.run(['release', ...step, '--json'], { environment: secrets });
      expect(outcome, step.join(' ')).toMatchObject({ code: 0, stderr: '' });
    }
    const listed = await say(['release', 'list']);
    expect(listed.json).toMatchObject([
      { path: 'lamp/1.0.0/lamp.img', lengthBytes: 300_000, release: { version: '1.0.0' } },
    ]);
    expect((await say(['release', 'publish', 'releases'])).json).toMatchObject([{ uploaded: [] }]);
    expect((await say(['release', 'list'])).json).toEqual(listed.json);

    const path = 'lamp/1.0.0/lamp.img';
    const printed = await cli.run(['release', 'sbom', path], { environment });
    expect(printed).toMatchObject({ code: 0, stdout: sbom });
    const written = await say(['release', 'sbom', path, '--out', 'got.json']);
    expect(written.json).toMatchObject([{ path, kind: 'sbom', lengthBytes: sbom.length, file: 'got.json' }]);
    expect(readFileSync(cli.home.join('got.json'), 'utf8')).toBe(sbom);
    expect((await run(['release', 'provenance', path])).error).toMatchObject({
      code: 'cli.usage',
      message: expect.stringContaining('has no attestation'),
    });
    expect((await run(['release', 'sbom', 'lamp/9'])).error).toMatchObject({ code: 'releases.not_found' });
  });

  test('a campaign is made, started, watched, paused and cancelled, and taken back only when there is a way', async () => {
    const made = ['campaign', 'create', '--release', 'lamp/1.0.0/lamp.img', '--all', '--name', 'spring'];
    const terms = ['--stages', '1,100%', '--success', '90', '--rate', '600/min', '--abort', '50%/5'];
    const [campaign] = (await say([...made, ...terms])).json as [{ campaignId: string; state: string }];
    const { campaignId } = campaign;
    expect(campaign.state).toBe('READY');
    expect((await say(['campaign', 'start', campaignId])).json).toMatchObject([{ state: 'GATHERING' }]);
    await using watching = cli.start(['campaign', 'watch', campaignId], { environment });
    await watching.waitForOutput(/^RUNNING: 0 of \d+ succeeded, 1 under way, \d+ waiting$/m);
    const offered = (await say(['campaign', 'things', campaignId, '--state', 'OFFERED'])).json;
    expect(offered).toHaveLength(1);
    const refused = await run(['campaign', 'approve', campaignId]);
    expect(refused.error).toMatchObject({ code: 'campaigns.own_approval' });
    expect((await run(['campaign', 'roll-back', campaignId])).error).toMatchObject({
      code: 'campaigns.no_way_back',
    });
    expect((await say(['campaign', 'pause', campaignId])).json).toMatchObject([{ state: 'PAUSED' }]);
    const shown = await cli.run(['campaign', 'show', campaignId], { environment });
    expect(shown.stdout).toMatch(/^release +lamp 1\.0\.0 \(lamp\/1\.0\.0\/lamp\.img\)$/m);
    const [me] = (await say(['operator', 'whoami'])).json as [{ name: string }];
    expect(shown.stdout).toMatch(new RegExp(`^by +${me.name}$`, 'm'));
    await say(['campaign', 'cancel', campaignId]);
    expect(await watching.outcome).toMatchObject({ code: 0 });
    const listed = await cli.run(['campaign', 'list'], { environment });
    expect(listed.stdout).toMatch(/spring +1\.0\.0 +CANCELLED +all +0 of \d+ succeeded, \d+ let go/);
    const [nothing, something] = ['type:none', 'name:*'].map((query) => [
      ...['campaign', 'create', '--release', 'lamp/1.0.0/lamp.img', '--query', query],
    ]);
    const warned = await cli.run(nothing!, { environment });
    expect(warned.stderr).toContain('nothing matches its query now');
    expect((await cli.run([...nothing!, '--continuous'], { environment })).stderr).not.toContain('nothing');
    expect((await cli.run(something!, { environment })).stderr).not.toContain('nothing');
    for (const wrong of [
      ['--stages', '1,x'],
      ['--stages', '0%,100%'],
      ['--window', 'mon 25:00-26:00'],
      ['--abort', '5'],
    ])
      expect((await run([...made, ...wrong])).code, wrong.join(' ')).toBe(2);
    expect((await run(['campaign', 'create', '--release', 'lamp/1.0.0/lamp.img'])).error).toMatchObject({
      code: 'campaigns.invalid',
    });
  });

  test('a larger release gets an index of chunks, and a device fetches only what its image lacks', async () => {
    const key = createHash('sha256').update('fan').digest().subarray(0, 16);
    const before = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(1_500_000));
    const after = Buffer.concat([before.subarray(0, 700_000), Buffer.from('new'), before.subarray(701_000)]);
    writeFileSync(cli.home.join('fan-2.img'), after);
    const secrets = { ...environment, FLEETWARD_PASSPHRASE: 'correct horse' };
    const about = ['--product', 'fan', '--version', '2.0.0', '--hardware', 'rev-a'];
    for (const step of [
      ['add', 'releases', 'fan-2.img', ...about],
      ['sign', 'releases', '--key', 'ada.key'],
      ['publish', 'releases'],
    ]) {
      const outcome = await cli.run(['release', ...step, '--json'], { environment: secrets });
      expect(outcome, step.join(' ')).toMatchObject({ code: 0, stderr: '' });
    }
    const { createApiClient, deviceProtocolVersion, getMetadataFile, getMetrics } = await import(
      '@fleetward/protocol'
    );
    const { openUpdateClient, report } = await import('@fleetward/device');
    const root = await platform.api.call(getMetadataFile, { params: { file: '1.root.json' } });
    writeFileSync(cli.home.join('root.json'), root);
    const { key: deviceKey, cert } = device;
    const baseUrl = `https://localhost:${platform.platform.ports.devices}`;
    const api = createApiClient({ baseUrl, ca: platform.rootPem, key: deviceKey, cert });
    const [trustedFolder, rootFile] = [cli.home.join('trusted'), cli.home.join('root.json')];
    const thingName = 'lamp-7';
    const client = await openUpdateClient({ api, trustedFolder, rootFile, clock: Date, thingName });
    // What it is, the director has to know.
    const model = { product: 'fan', hardware: 'rev-a' };
    await report(api, { protocolVersion: deviceProtocolVersion, model });
    expect(await client.refresh()).toMatchObject({ kind: 'updated' });
    const target = client.targets().find(({ path }) => path === 'fan/2.0.0/fan-2.img')!;
    const sentBytes = async () => {
      const text = new TextDecoder().decode(await platform.api.call(getMetrics));
      return Number(/^fleetward_downloads\{counter="bytes"\} (\d+)$/m.exec(text)?.[1]);
    };
    const local = [
      {
        lengthBytes: before.length,
        read: (at: number, length: number) => [before.subarray(at, at + length)],
      },
    ];
    const written: Uint8Array[] = [];
    const sink = { write: async (chunk: Uint8Array) => void written.push(chunk) };
    const began = await sentBytes();
    expect(await client.download(target, sink, { local })).toMatchObject({ kind: 'downloaded' });
    expect(Buffer.concat(written).equals(after)).toBe(true);
    expect((await sentBytes()) - began).toBeLessThan(after.length / 8);
    api.close();
  });

  test('a device gets the bytes when its campaign offers them and not before, and its report ends the campaign', async () => {
    const { key, cert } = await platform.enrol('lamp-9', { policies: ['lamps'] });
    const baseUrl = `https://localhost:${platform.platform.ports.devices}`;
    const { createApiClient, deviceProtocolVersion, getDeviceTarget, sendReport } = await import(
      '@fleetward/protocol'
    );
    const agent = createApiClient({ baseUrl, ca: platform.rootPem, key, cert });
    const sha256 = createHash('sha256').update(Buffer.alloc(300_000, 7)).digest('hex');
    const download = () => agent.call(getDeviceTarget, { params: { '*': `lamp/1.0.0/${sha256}.lamp.img` } });
    try {
      await say(['group', 'create', 'porch']);
      await say(['group', 'add', 'porch', 'lamp-9']);
      const made = await say(['campaign', 'create', '--release', 'lamp/1.0.0/lamp.img', '--group', 'porch']);
      const [{ campaignId }] = made.json as [{ campaignId: string }];
      await expect(download()).rejects.toMatchObject({ problem: { code: 'releases.not_offered' } });
      await say(['campaign', 'start', campaignId]);
      await using watching = cli.start(['campaign', 'watch', campaignId], { environment });
      await watching.waitForOutput(/1 under way/);
      expect(await download()).toHaveLength(300_000);
      const things = async (state: string) =>
        (await say(['campaign', 'things', campaignId, '--state', state])).json as readonly {
          actionId: number;
        }[];
      await expect.poll(() => things('DOWNLOADING')).toHaveLength(1);
      const [{ actionId }] = (await things('DOWNLOADING')) as [{ actionId: number }];
      const report = (changes: { readonly actionId: number }) =>
        agent.call(sendReport, {
          body: {
            protocolVersion: deviceProtocolVersion,
            installed: { version: '1.0.0', securityVersion: 0, sha256 },
            update: { outcome: 'confirmed', version: '1.0.0', ...changes },
          },
        });
      await expect(report({ actionId: actionId - 1 })).rejects.toMatchObject({
        problem: { code: 'campaigns.action_unknown' },
      });
      const denials = (await say(['denial', 'list', '--cause', 'foreign_feedback'])).json;
      expect(denials).toMatchObject([{ thingName: 'lamp-9' }]);
      await report({ actionId });
      const { code, stdout } = await watching.outcome;
      expect(code).toBe(0);
      expect(String(stdout)).toMatch(/^COMPLETED: 1 of 1 succeeded, 0 under way, 0 waiting$/m);
    } finally {
      agent.close();
    }
  });

  test('an artifact whose upload broke off goes on where it stopped, is shown, kept while it is listed, and deleted', async () => {
    const bytes = Buffer.alloc(500_000, 'firmware ');
    writeFileSync(cli.home.join('fan.img'), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const upload = async (start: Buffer) => {
      const broken = new AbortController();
      const body = (async function* () {
        yield start;
        const { getUploadState } = await import('@fleetward/protocol');
        const state = () => platform.api.call(getUploadState, { params: { sha256 } });
        await expect.poll(state).toEqual({ receivedBytes: start.length });
        broken.abort();
        yield bytes;
      })();
      const { putArtifact } = await import('@fleetward/protocol');
      const call = platform.api.call(putArtifact, { params: { sha256 }, body, signal: broken.signal });
      await expect(call).rejects.toMatchObject({ code: 'api.aborted' });
    };
    await upload(bytes.subarray(0, 200_000));
    expect((await say(['artifact', 'list'])).json).toContainEqual(
      expect.objectContaining({ sha256, state: 'unfinished', lengthBytes: 200_000 }),
    );
    const uploaded = await retried(['artifact', 'upload', 'fan.img']);
    expect(uploaded).toMatchObject([{ sha256, lengthBytes: 500_000, fromByte: 200_000 }]);
    const md5 = createHash('md5').update(bytes).digest('hex');
    expect((await say(['artifact', 'show', sha256])).json).toMatchObject([{ sha256, md5, paths: [] }]);

    const listed = (await say(['artifact', 'list'])).json as { sha256: string; state: string }[];
    const lamp = listed.find(({ state }) => state === 'listed')?.sha256 ?? '';
    expect((await run(['artifact', 'delete', lamp])).error).toMatchObject({
      code: 'releases.artifact_listed',
    });
    const deletion = ['artifact', 'delete', '--unlisted', '--older-than'];
    expect((await say([...deletion, '1h'])).json).toEqual([{ deleted: [] }]);
    await expect
      .poll(async () => (await say([...deletion, '1s'])).json, { timeout: 20_000 })
      .toEqual([{ deleted: [sha256] }]);
    expect((await run(['artifact', 'delete'])).code).toBe(2);

    // What is there of another file by a false digest is begun anew.
    await upload(Buffer.alloc(1_000, 'something else'));
    expect(await retried(['artifact', 'upload', 'fan.img'])).toMatchObject([{ fromByte: 0 }]);
    await say(['artifact', 'delete', sha256]);
  });

  /** The platform may not have seen yet that the connection of the upload before is gone. */
  async function retried(args: readonly string[]): Promise<unknown> {
    let outcome = await run(args);
    await expect
      .poll(async () => {
        if (outcome.code !== 0) outcome = await run(args);
        return outcome.code;
      })
      .toBe(0);
    return outcome.json;
  }

  test('a CA is listed, retired and active again', async () => {
    const cas = (await say(['ca', 'list'])).json as { certificateId: string; kind: string }[];
    const issuing = cas.find(({ kind }) => kind === 'issuing')?.certificateId ?? '';
    expect((await say(['ca', 'show', issuing])).json).toMatchObject([{ kind: 'issuing', state: 'active' }]);
    await say(['ca', 'set-state', issuing, 'retired']);
    await say(['ca', 'set-state', issuing, 'active']);
    expect((await say(['ca', 'list'])).json).toContainEqual(
      expect.objectContaining({ certificateId: issuing, state: 'active' }),
    );
  });

  test('a CA is removed only by who said so, and is told with whom that concerns', async () => {
    writeFileSync(cli.home.join('spare.pass'), 'a long passphrase\n', { mode: 0o600 });
    const files = ['--key', 'spare.key', '--out', 'spare.pem', '--passphrase-file', 'spare.pass'];
    await say(['ca', 'init-root', ...files, '--common-name', 'Spare Root']);
    const [spare] = (await say(['ca', 'import', 'spare.pem'])).json as [{ certificateId: string }];
    const removal = ['ca', 'set-state', spare.certificateId, 'removed'];
    const refused = await run(removal);
    expect(refused).toMatchObject({ code: 2, error: { code: 'cli.usage' } });
    expect(refused.error.message).toContain('whether the CA CN=Spare Root is to be removed');
    expect(refused.error.message).toMatch(
      /`--yes` once you have looked; it concerns none of the \d+ certificates/,
    );
    expect((await say(['ca', 'show', spare.certificateId])).json).toMatchObject([{ state: 'active' }]);
    const issuing = ((await say(['ca', 'list'])).json as { certificateId: string; kind: string }[]).find(
      ({ kind }) => kind === 'issuing',
    );
    const shutOut = await cli.run(['ca', 'set-state', issuing?.certificateId ?? '', 'removed'], {
      environment,
    });
    expect(shutOut.stderr).toMatch(
      /it concerns \d+, for \d+ things: \d+ are refused, .*; the platform can issue no more/,
    );
    expect(shutOut.code).toBe(2);
    const retired = await run(['ca', 'set-state', spare.certificateId, 'retired']);
    expect(retired.error.message).toContain('it can only be `removed`');
    expect((await say([...removal, '--yes'])).json).toMatchObject([
      { state: 'removed', subject: 'CN=Spare Root', unready: 0, things: 0, inForce: expect.any(Number) },
    ]);
  });

  test('a private key that is imported by mistake is not sent, and the file is named', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(cli.home.join('ca.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const { code, error } = await run(['ca', 'import', 'ca.key']);
    expect(error).toMatchObject({ code: 'cli.unreadable' });
    expect(error.message).toContain('`ca.key` holds a private key');
    expect(code).toBe(2);
  });

  test('where no token is set, a key in one is refused with what to set', async () => {
    const { error } = await run(['ca', 'request-intermediate', '--out', 'hsm.csr', '--key-store', 'hsm']);
    expect(error).toMatchObject({ code: 'certificates.ca_keys' });
    expect(error.message).toContain('the setting `hsm`');
  });

  test('nothing is detected where every certificate is used by one device', async () => {
    expect((await cli.run(['detection', 'list'], { environment })).stdout).toBe('nothing was detected\n');
    expect((await say(['detection', 'list'])).json).toEqual([]);
  });

  test('a certificate is switched off, which is told as its state, and on again', async () => {
    const off = await say(['cert', 'deactivate', certificateId, '--reason', 'seen twice']);
    expect(off.json).toMatchObject([{ state: 'INACTIVE', outcome: 'changed' }]);
    expect((await say(['cert', 'show', certificateId])).json).toMatchObject([{ state: 'INACTIVE' }]);
    const filters = ['--state', 'INACTIVE', '--thing', 'lamp-7', '--expires-within', '400d'];
    expect((await say(['cert', 'list', ...filters])).json).toMatchObject([{ certificateId }]);
    expect((await say(['cert', 'activate', certificateId])).json).toMatchObject([{ outcome: 'changed' }]);
    expect((await say(['cert', 'activate', certificateId])).json).toMatchObject([{ outcome: 'unchanged' }]);
  });

  test('a certificate that speaks for a thing is not deleted', async () => {
    const answer = await cli.run(['cert', 'delete', certificateId], { environment });
    expect([answer.code, answer.stderr]).toEqual([
      1,
      expect.stringMatching(/`fleetward thing detach-certificate \S+ [0-9a-f]{64}`/),
    ]);
  });

  test('a certificate on hold is revoked until the hold is lifted', async () => {
    await say(['cert', 'revoke', certificateId, '--reason', 'certificateHold', '--wait']);
    expect((await say(['cert', 'show', certificateId])).json).toMatchObject([
      { state: 'REVOKED', revocationReason: 'certificateHold' },
    ]);
    expect((await say(['cert', 'unhold', certificateId])).json).toMatchObject([
      { outcome: 'lifted', state: 'ACTIVE' },
    ]);
    expect((await say(['cert', 'unhold', certificateId])).json).toMatchObject([{ outcome: 'not-held' }]);
  });

  test('a certificate is listed, shown and revoked with the time of each step; afterwards it is refused', async () => {
    expect((await say(['cert', 'list'])).json).toContainEqual(
      expect.objectContaining({ certificateId, state: 'ACTIVE' }),
    );
    const answer = await cli.run(['cert', 'revoke', certificateId, '--reason', 'keyCompromise', '--wait'], {
      environment,
    });
    expect(answer.stdout).toMatch(/^sessions-cut\s+\+\d+ ms$/m);
    expect(answer.stdout).toMatch(/^crl-signed\s+\+\d+ ms$/m);
    expect((await say(['cert', 'show', certificateId])).json).toMatchObject([
      { state: 'REVOKED', revocationReason: 'keyCompromise', thingNames: ['lamp-7'] },
    ]);
    await connectionIsCut();
  });

  test('all certificates of a thing are revoked, and a call that says neither or both is refused', async () => {
    const all = await cli.run(['cert', 'revoke', '--thing', 'lamp-7'], { environment });
    expect(all.stdout).toBe('no certificate of `lamp-7` is left to revoke\n');
    for (const args of [[], ['--thing', 'lamp-7', certificateId], ['--thing', 'lamp-7', '--only']])
      expect((await cli.run(['cert', 'revoke', ...args], { environment })).code).toBe(2);
  });

  test('the gateway’s decision about its certificate is made the same without it', async () => {
    writeFileSync(cli.home.join('leaf.pem'), readFileSync(device.certFile));
    const [, issuing] = device.cert.split(/(?=-----BEGIN)/);
    writeFileSync(cli.home.join('issuing.pem'), issuing ?? (await issuingPem()));
    const args = ['cert', 'verify', 'leaf.pem', '--trust', platform.rootFile, '--untrusted', 'issuing.pem'];
    expect((await say(args)).json).toMatchObject([{ outcome: 'accepted' }]);
  });

  async function issuingPem(): Promise<string> {
    const cas = (await say(['ca', 'list'])).json as { kind: string; pem: string }[];
    return cas.find(({ kind }) => kind === 'issuing')?.pem ?? '';
  }
});
