import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needs, requireProgram, runProgram, type SoftHsm, softHsm } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cli, openCli, repository } from './cli.ts';

const exportAttempt = join(repository, 'packages/keys/test/entries/export-attempt.ts');
const onlineKey = 'MCowBQYDK2VwAyEAmEO1oRFN0yRb2A7kwXYXM71YwY9cgjbZNzJHWYQWbPU=';
const keys = [
  ['ada.key', 'rsa-pss'],
  ['bob.key', 'ed25519'],
  ['eve.key', 'ecdsa-p256'],
] as const;

needs('softhsm2-util', 'softhsm2').describe('release keys in a token', () => {
  let cli: Cli;
  let hsm: SoftHsm;

  beforeAll(async () => {
    cli = openCli();
    hsm = await softHsm(cli.home);
  });

  afterAll(() => cli[Symbol.dispose]());

  const environment = (over: Readonly<Record<string, string>> = {}) => ({
    ...hsm.environment,
    FLEETWARD_PKCS11_MODULE: hsm.module,
    FLEETWARD_PKCS11JS: hsm.packagePath,
    ...over,
  });
  /** The real program: the vendor's library reads the variables of its process. */
  const release = (line: string, over?: Readonly<Record<string, string>>) =>
    cli.runProcess(['release', ...line.split(' '), '--json'], { environment: environment(over) });
  const pin = () => ['--pin-file', hsm.pinFile].join(' ');

  test('are made there, and sign releases as keys in files do: init, sign, co-sign, rotate, verify', async () => {
    for (const [file, algorithm] of keys) {
      const made = await release(
        `keygen ${file} --token ${hsm.tokenLabel} --algorithm ${algorithm} ${pin()}`,
      );
      expect(made).toMatchObject({ code: 0, json: [{ token: hsm.tokenLabel }] });
    }
    const role = { publicKey: onlineKey };
    writeFileSync(cli.home.join('online.json'), JSON.stringify({ snapshot: role, timestamp: role }));
    const two = '--root-key ada.key --root-key bob.key.pub --root-threshold 2 --targets-threshold 2';
    expect(await release(`init releases ${two} --online-keys online.json`)).toMatchObject({ code: 0 });
    expect(await release(`sign releases --key ada.key --key bob.key ${pin()}`)).toMatchObject({ code: 0 });
    writeFileSync(cli.home.join('my-root.json'), readFileSync(cli.home.join('releases/1.root.json')));

    writeFileSync(cli.home.join('pump.img'), 'pump 1.0.0');
    await release('add releases pump.img --product pump --version 1.0.0 --hardware rev-b');
    expect(await release(`sign releases --key ada.key ${pin()}`)).toMatchObject({
      json: [{ targets: { valid: 1, threshold: 2 }, complete: false }],
    });
    const coSigned = await release('co-sign releases --key bob.key --root my-root.json --yes', {
      FLEETWARD_PIN: hsm.pin,
    });
    expect(coSigned.json).toMatchObject([{ complete: true }]);
    expect((await release('verify releases --root my-root.json')).json).toMatchObject([{ kind: 'accepted' }]);

    const others = '--root-key eve.key --root-key bob.key --root-threshold 2';
    expect(
      await release(`rotate releases ${others} --targets-key eve.key --targets-threshold 1`),
    ).toMatchObject({
      code: 0,
    });
    const signed = await release(`sign releases --key ada.key --key bob.key --key eve.key ${pin()}`);
    expect(signed).toMatchObject({ json: [{ root: { threshold: 2 }, complete: true }] });
    expect((await release('verify releases --root my-root.json')).json).toMatchObject([{ kind: 'accepted' }]);
  });

  test('do not come out of it, and their files hold nothing of them', async () => {
    const attempt = await runProgram(
      process.execPath,
      [exportAttempt, hsm.packagePath, hsm.module, hsm.pin],
      {
        environment: { ...hsm.environment },
      },
    );
    const said = attempt.stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(said.map(({ label }) => label).sort()).toEqual(
      keys.map(([file]) => `fleetward release ${file}`).sort(),
    );
    for (const key of said)
      expect(key).toMatchObject({
        sensitive: true,
        extractable: false,
        neverExtractable: true,
        read: 'CKR_ATTRIBUTE_SENSITIVE',
        wrap: 'CKR_KEY_UNEXTRACTABLE',
      });
    const file = JSON.parse(readFileSync(cli.home.join('bob.key'), 'utf8'));
    expect(Object.keys(file).sort()).toEqual(['format', 'objectId', 'publicKey', 'token']);
  });

  test('are not signed with by a file that names another key of the token', async () => {
    const [ada, eve] = ['ada.key', 'eve.key'].map((name) =>
      JSON.parse(readFileSync(cli.home.join(name), 'utf8')),
    );
    writeFileSync(cli.home.join('mixed.key'), JSON.stringify({ ...eve, objectId: ada.objectId }));
    const outcome = await release(`sign releases --key mixed.key ${pin()}`);
    expect(outcome).toMatchObject({ code: 1 });
    writeFileSync(cli.home.join('gone.key'), JSON.stringify({ ...eve, objectId: '00' }));
    expect((await release(`sign releases --key gone.key ${pin()}`)).error.message).toContain(
      'the token does not hold the key `gone.key`',
    );
  });

  test('need a module that the machine names, a PIN that is never an argument, and a token that is there', async () => {
    const sign = `sign releases --key eve.key ${pin()}`;
    expect((await release(sign, { FLEETWARD_PKCS11_MODULE: '' })).error.message).toContain(
      'FLEETWARD_PKCS11_MODULE',
    );
    expect((await release(sign, { FLEETWARD_PKCS11JS: '/nonexistent' })).error.message).toContain(
      'docs/how-to/keys-in-an-hsm.md',
    );
    expect((await release('sign releases --key eve.key')).error).toMatchObject({
      code: 'cli.usage',
      message: 'the PIN of the token fleetward is missing',
    });
    const absent = await release(`keygen new.key --token other ${pin()}`);
    expect(absent.error.message).toContain('0 tokens are labelled `other`');
    expect(
      (await release('keygen new.key --token fleetward --algorithm ml-dsa-65 --pin-file token.pin')).error,
    ).toMatchObject({ code: 'keys.algorithm' });
    expect((await release(`sign-file pump.img --key eve.key --out sig`)).error.message).toContain(
      'in a token',
    );
  });

  test('a program tries a wrong PIN once; from then on only a person is believed, until the token takes one', async () => {
    writeFileSync(cli.home.join('wrong.pin'), '00001111');
    const wrong = () => release('sign releases --key eve.key --pin-file wrong.pin');
    expect((await wrong()).error.message).toMatch(/refuses the PIN \(CKR_PIN_INCORRECT\)(?!.*00001111)/);
    expect((await wrong()).error.message).toMatch(/not tried: it has refused one/);
    expect((await release(`sign releases --key eve.key ${pin()}`)).error.message).toMatch(/not tried/);
    expect(await typed('sign releases --key eve.key')).toBe(0);
    expect(await release(`sign releases --key eve.key ${pin()}`)).toMatchObject({ code: 0 });
  });

  /** At a terminal of its own; typed once it is asked for. */
  async function typed(line: string): Promise<number | null> {
    requireProgram('script', 'bsdutils');
    const main = join(repository, 'packages/cli/src/main.ts');
    const command = `stty cols 120; ${process.execPath} --conditions=fleetward-source ${main} release ${line}`;
    const person =
      'for i in $(seq 300); do grep -aq "PIN of" seen && break; sleep 0.1; done; printf "$TYPED\r"; sleep 3';
    const terminal = `script --quiet --flush --return --echo never --command '${command}' seen`;
    const outcome = await runProgram('sh', ['-c', `touch seen; (${person}) | ${terminal}`], {
      environment: environment({ PATH: process.env.PATH ?? '', HOME: cli.home.path, TYPED: hsm.pin }),
      folder: cli.home.path,
    });
    expect(readFileSync(cli.home.join('seen'), 'utf8')).not.toContain(hsm.pin);
    return outcome.code;
  }
});
