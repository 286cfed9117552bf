import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { generatePrivateKey, localSigner } from '@fleetward/keys';
import { decryptPrivateKey, encodePem, issueCsr, makeName } from '@fleetward/pki';
import { expect, test } from 'vitest';
import { openCli } from './cli.ts';

test('a root of ML-DSA off line: told to be experimental, its key encrypted, and it signs a CA', async () => {
  using cli = openCli();
  writeFileSync(cli.home.join('pass'), 'a long passphrase\n', { mode: 0o600 });
  const key = ['--key', 'root.key', '--passphrase-file', 'pass'];
  const root = [...key, '--out', 'root.pem', '--common-name', 'Root', '--algorithm', 'ml-dsa-65'];
  const made = await cli.run(['ca', 'init-root', ...root]);
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('ml-dsa-65 is experimental') });
  const opened = decryptPrivateKey(readFileSync(cli.home.join('root.key')), 'a long passphrase');
  expect(opened.asymmetricKeyType).toBe('ml-dsa-65');

  const signer = localSigner(generatePrivateKey('ml-dsa-44'), 'ml-dsa-44');
  const { der } = await issueCsr({ subject: makeName([['commonName', 'Issuing']]), signer });
  writeFileSync(cli.home.join('ca.csr'), encodePem('CERTIFICATE REQUEST', der));
  const sign = [
    'ca',
    'sign-intermediate',
    '--csr',
    'ca.csr',
    '--root',
    'root.pem',
    ...key,
    '--out',
    'ca.pem',
  ];
  const unasked = await cli.run(sign);
  expect(unasked).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('whether the CA CN=Issuing with the key'),
  });
  const publicKeySha256 = createHash('sha256').update(signer.publicKey).digest('hex');
  expect(unasked.stderr).toContain(publicKeySha256);
  const another = await cli.run([...sign, '--expect', '00'.repeat(32)]);
  expect(another).toMatchObject({ code: 2, stderr: expect.stringContaining('is of another key') });
  expect(existsSync(cli.home.join('ca.pem'))).toBe(false);
  const colons = publicKeySha256.toUpperCase().match(/../g)!.join(':');
  expect(await cli.run([...sign, '--expect', colons])).toMatchObject({ code: 0 });
  expect(readFileSync(cli.home.join('ca.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
});

test('a root’s certificate with the key of another root is told with both files', async () => {
  using cli = openCli();
  writeFileSync(cli.home.join('pass'), 'a long passphrase\n', { mode: 0o600 });
  const pass = ['--passphrase-file', 'pass'];
  for (const name of ['one', 'two'])
    await cli.run([
      'ca',
      'init-root',
      '--key',
      `${name}.key`,
      '--out',
      `${name}.pem`,
      '--common-name',
      name,
      ...pass,
    ]);
  const crossed = ['--root', 'one.pem', '--key', 'two.key', '--certificate', 'two.pem', '--out', 'x.pem'];
  const refused = await cli.run(['ca', 'cross-sign', ...crossed, ...pass, '--json']);
  expect(refused.error.message).toBe('`two.key` is not the key of the certificate in `one.pem`');
  expect(refused.code).toBe(2);
});

test('a platform with CAs of ML-DSA is not made before the setting allows it', async () => {
  using cli = openCli();
  const refused = await cli.run(['init', '--folder', 'platform', '--algorithm', 'ml-dsa-65', '--json']);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('init.experimental');
});
