import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fromHex } from '@fleetward/core';
import { encodePem } from '@fleetward/pki';
import { needs, openssl } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { type Cli, openCli } from './cli.ts';

const config = `
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
crl_extensions = crl
policy = any
[any]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid
`;

/** A root and a leaf made by openssl: `root.pem`, `leaf.pem`. */
async function makeChain({ home }: Cli): Promise<void> {
  writeFileSync(home.join('openssl.cnf'), config);
  for (const name of ['root', 'leaf', 'stranger']) {
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', home.join(`${name}.key`)]);
  }
  const run = (args: readonly string[]) => openssl(args, { folder: home.path });
  const asRoot = ['-extensions', 'root', '-config', 'openssl.cnf', '-days', '30'];
  await run(['req', '-x509', '-new', '-key', 'root.key', '-subj', '/CN=Root', '-out', 'root.pem', ...asRoot]);
  await run([
    'req',
    '-x509',
    '-new',
    '-key',
    'stranger.key',
    '-subj',
    '/CN=Root',
    '-out',
    'stranger.pem',
    ...asRoot,
  ]);
  await run([
    'req',
    '-new',
    '-key',
    'leaf.key',
    '-subj',
    '/CN=lamp-7',
    '-out',
    'leaf.csr',
    '-config',
    'openssl.cnf',
  ]);
  const issue = [
    'x509',
    '-req',
    '-in',
    'leaf.csr',
    '-CA',
    'root.pem',
    '-CAkey',
    'root.key',
    '-set_serial',
    '0x1234567890',
  ];
  await run([...issue, '-days', '10', '-extfile', 'openssl.cnf', '-extensions', 'leaf', '-out', 'leaf.pem']);
}

/** The root's revocation list, with the leaf on it or not. */
async function makeCrl({ home }: Cli, options: { readonly revoke: boolean }): Promise<void> {
  for (const [name, content] of Object.entries({ 'index.txt': '', serial: '01\n', crlnumber: '01\n' })) {
    writeFileSync(home.join(name), content);
  }
  const ca = ['ca', '-config', 'openssl.cnf', '-cert', 'root.pem', '-keyfile', 'root.key'];
  if (options.revoke) await openssl([...ca, '-revoke', 'leaf.pem'], { folder: home.path });
  await openssl([...ca, '-gencrl', '-out', 'root.crl'], { folder: home.path });
}

interface PathVector {
  readonly name: string;
  readonly leaf: string;
  readonly untrusted: readonly string[];
  readonly roots: readonly string[];
}

const vectors = new URL('../../../conformance/vectors/x509/invalid/paths.json', import.meta.url);
const invalidPaths: readonly PathVector[] = JSON.parse(readFileSync(vectors, 'utf8')).cases;

function writePem({ home }: Cli, name: string, ders: readonly string[]): void {
  writeFileSync(home.join(name), ders.map((der) => encodePem('CERTIFICATE', fromHex(der))).join(''));
}

needs('openssl', 'openssl').describe('cert verify', () => {
  test('accepts a leaf of a trusted root', async () => {
    using cli = openCli();
    await makeChain(cli);
    const outcome = await cli.run(['cert', 'verify', 'leaf.pem', '--trust', 'root.pem', '--json']);
    expect(outcome.json).toMatchObject([
      { outcome: 'accepted', chain: [{ subject: 'CN=lamp-7' }, { subject: 'CN=Root' }] },
    ]);
    expect(outcome.code).toBe(0);
  });

  test('takes several files of each kind, and an error names its file', async () => {
    using cli = openCli();
    await makeChain(cli);
    await makeCrl(cli, { revoke: false });
    const verify = (...flags: readonly string[]) =>
      cli.run(['cert', 'verify', 'leaf.pem', ...flags, '--json']);
    const both = ['--trust', 'root.pem', '--trust', 'stranger.pem'];
    expect(await verify(...both)).toMatchObject({ code: 0 });
    await openssl(['crl', '-in', 'root.crl', '-outform', 'DER', '-out', 'root.der'], {
      folder: cli.home.path,
    });
    const between = ['--untrusted', 'stranger.pem', '--untrusted', 'root.pem'];
    expect(await verify(...both, ...between, '--crl', 'root.crl', '--crl', 'root.der')).toMatchObject({
      code: 0,
    });
    for (const flag of ['--trust', '--untrusted', '--crl']) {
      const refused = await verify(...both, flag, 'leaf.key');
      expect(refused.code).toBe(2);
      expect(refused.error.message).toMatch(/^`leaf\.key`: not PEM: found a block /);
    }
  });

  test('refuses with the reason and the clause, when the root is another of the same name', async () => {
    using cli = openCli();
    await makeChain(cli);
    const outcome = await cli.run(['cert', 'verify', 'leaf.pem', '--trust', 'stranger.pem', '--json']);
    expect(outcome.json).toMatchObject([
      { outcome: 'refused', code: expect.any(String), rfc: expect.any(String) },
    ]);
    expect(outcome.code).toBe(1);
  });

  test('refuses a key on a list of weak keys, and reads no list in part', async () => {
    using cli = openCli();
    const inFolder = { folder: cli.home.path };
    await makeChain(cli);
    const asRsa = ['-subj', '/CN=Root', '-out', 'root.pem', '-extensions', 'root', '-config', 'openssl.cnf'];
    await openssl(
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'rsa.key', ...asRsa],
      inFolder,
    );
    const printed = await openssl(['x509', '-in', 'root.pem', '-noout', '-modulus'], inFolder);
    const entry = createHash('sha1').update(printed).digest('hex').slice(20);
    const asLeaf = [
      '-set_serial',
      '77',
      '-extfile',
      'openssl.cnf',
      '-extensions',
      'leaf',
      '-out',
      'leaf.pem',
    ];
    const byRoot = ['-in', 'leaf.csr', '-CA', 'root.pem', '-CAkey', 'rsa.key', ...asLeaf];
    await openssl(['x509', '-req', ...byRoot], inFolder);
    const verify = (list: string) => {
      writeFileSync(cli.home.join('weak.list'), list);
      const flags = ['--trust', 'root.pem', '--weak-keys', 'weak.list', '--json'];
      return cli.run(['cert', 'verify', 'leaf.pem', ...flags]);
    };
    expect((await verify('# others\n00005890bc78bcbee3ca\n')).code).toBe(0);
    const refused = await verify(`00005890bc78bcbee3ca\n${entry}\n`);
    expect(refused.json).toMatchObject([{ outcome: 'refused', code: 'weak_key' }]);
    expect(refused.code).toBe(1);
    const cut = await verify(`00005890bc78bcbee3ca\n${entry.slice(2)}\n`);
    expect(cut.code).toBe(2);
    expect(cut.error).toMatchObject({ message: expect.stringContaining('line 2 of `weak.list`') });
    const empty = await verify('# nothing came of it\n');
    expect(empty.code).toBe(2);
    expect(empty.error).toMatchObject({ message: expect.stringContaining('`weak.list` lists no key: ') });
  });

  test('decides for the time that is asked for', async () => {
    using cli = openCli();
    await makeChain(cli);
    const outcome = await cli.run([
      'cert',
      'verify',
      'leaf.pem',
      '--trust',
      'root.pem',
      '--at',
      '2020-01-01',
      '--json',
    ]);
    expect(outcome.json).toMatchObject([{ outcome: 'refused', code: 'not_yet_valid' }]);
    expect(outcome.code).toBe(1);
  });

  test.for([
    { revoke: false, code: 0, says: { outcome: 'accepted' } },
    { revoke: true, code: 1, says: { outcome: 'refused', code: 'revoked' } },
  ])('looks at a revocation list of openssl: revoked $revoke', async ({ revoke, code, says }) => {
    using cli = openCli();
    await makeChain(cli);
    await makeCrl(cli, { revoke });
    const outcome = await cli.run([
      'cert',
      'verify',
      'leaf.pem',
      '--trust',
      'root.pem',
      '--crl',
      'root.crl',
      '--json',
    ]);
    expect(outcome.json).toMatchObject([says]);
    expect(outcome.code).toBe(code);
  });

  test('refuses a leaf that is no certificate by RFC 5280, with the clause, and leaves such a CA out', async () => {
    using cli = openCli();
    const path = invalidPaths.find(({ name }) => name === 'the same extension twice');
    const broken = invalidPaths.find(({ name }) => name === 'name constraints that constrain nothing');
    if (path === undefined || broken === undefined) throw new Error('the vectors have other names');
    writePem(cli, 'leaf.pem', [path.leaf]);
    writePem(cli, 'roots.pem', path.roots);
    writePem(cli, 'good.pem', [broken.leaf]);
    writePem(cli, 'broken.pem', broken.untrusted);
    const leaf = await cli.run(['cert', 'verify', 'leaf.pem', '--trust', 'roots.pem', '--json']);
    expect(leaf).toMatchObject({ code: 1, json: [{ code: 'malformed', rfc: 'RFC 5280 section 4.2' }] });
    const untrusted = ['--untrusted', 'broken.pem', '--json'];
    const chain = await cli.run(['cert', 'verify', 'good.pem', '--trust', 'roots.pem', ...untrusted]);
    const leftOut = [expect.stringContaining('RFC 5280 section 4.2.1.10')];
    expect(chain).toMatchObject({ code: 1, json: [{ code: 'unknown_issuer', leftOut }] });
  });

  test.for([
    ['cert', 'verify', 'absent.pem', '--trust', 'root.pem'],
    ['cert', 'verify', 'leaf.key', '--trust', 'root.pem'],
    ['cert', 'verify', 'leaf.pem', '--trust', 'openssl.cnf'],
    ['cert', 'verify', 'leaf.pem', '--trust', 'root.pem', '--crl', 'root.pem'],
    ['cert', 'verify', 'leaf.pem', '--trust', 'root.pem', '--at', 'noon'],
  ])('exits with 2 on what it cannot read: %o', async (args) => {
    using cli = openCli();
    await makeChain(cli);
    const outcome = await cli.run([...args, '--json']);
    expect(outcome.error.message).not.toBe('');
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
  });
});
