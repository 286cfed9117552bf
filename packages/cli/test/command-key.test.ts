import { chmodSync, writeFileSync } from 'node:fs';
import { needs, openssl } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { type Cli, openCli } from './cli.ts';

/** A program with a key, and a folder of releases that it may sign. */
async function start(cli: Cli, keyArgs: readonly string[], sign: string): Promise<void> {
  const { home } = cli;
  await openssl(['genpkey', ...keyArgs, '-out', home.join('vault.pem')]);
  await openssl(['pkey', '-in', home.join('vault.pem'), '-pubout', '-out', home.join('vault.pub')]);
  writeProgram(cli, sign);
  const online = (
    await openssl(['pkey', '-in', home.join('vault.pem'), '-pubout', '-outform', 'DER'])
  ).toString('base64');
  const role = { publicKey: online };
  writeFileSync(home.join('online.json'), JSON.stringify({ snapshot: role, timestamp: role }));
  const flags = ['--root-key', 'vault.pub', '--online-keys', 'online.json'];
  expect(await cli.run(['release', 'init', 'releases', ...flags])).toMatchObject({ code: 0 });
}

function writeProgram({ home }: Cli, sign: string): void {
  const script = `#!/bin/sh\ncase "$1 $2" in\n'public-key ') cat vault.pub ;;\n'sign '*) ${sign} ;;\nesac\n`;
  writeFileSync(home.join('vault'), script);
  chmodSync(home.join('vault'), 0o755);
}

const signWith = (cli: Cli) => cli.run(['release', 'sign', 'releases', '--key', 'command:./vault', '--json']);

const p256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const digest = 'openssl dgst -sha256 -sign vault.pem';

needs('openssl', 'openssl').describe('a key that a program has', () => {
  test.for([
    ['ECDSA', p256, digest],
    [
      'RSA-PSS',
      ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
      `${digest} -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32`,
    ],
    [
      'Ed25519',
      ['-algorithm', 'ED25519'],
      'cat > message; openssl pkeyutl -sign -rawin -in message -inkey vault.pem',
    ],
  ] as const)('signs as openssl does: %s', async ([, keyArgs, sign]) => {
    using cli = openCli();
    await start(cli, keyArgs, sign);
    expect(await signWith(cli)).toMatchObject({ code: 0, json: [{ complete: true }] });
  });

  describe('signs nothing', () => {
    test.for([
      ['ends with an error', `${digest}; exit 3`, /ended with 3/],
      ['signs something else', `echo else | ${digest}`, /no ecdsa-p256-sha256 signature of this key/],
      ['answers nothing', 'cat > /dev/null', /no ecdsa-p256-sha256 signature/],
      ['answers without end', 'yes 2>/dev/null', /answered more than 16384 bytes/],
      ['is killed', 'kill -9 $$', /ended with SIGKILL/],
    ] as const)('when it %s', async ([, sign, why]) => {
      using cli = openCli();
      await start(cli, p256, sign);
      expect((await signWith(cli)).error.message).toMatch(why);
      const status = await cli.run(['release', 'status', 'releases', '--json']);
      expect(status.json).toMatchObject([{ root: { valid: 0 }, targets: { valid: 0 } }]);
    });

    test('when it is not there, or prints no public key', async () => {
      using cli = openCli();
      await start(cli, p256, digest);
      writeFileSync(cli.home.join('vault.pub'), 'nonsense');
      expect((await signWith(cli)).error.message).toMatch(/printed no public key/);
      const args = ['release', 'sign', 'releases', '--key', 'command:./absent', '--json'];
      expect((await cli.run(args)).error.message).toMatch(/does not run/);
    });
  });
});
