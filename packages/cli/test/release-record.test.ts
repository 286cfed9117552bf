import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { needs, openssl } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { type Cli, openCli } from './cli.ts';

/** A folder that one engineer may sign. */
async function startFolder(cli: Cli): Promise<void> {
  const { publicKey } = generateKeyPairSync('ed25519');
  const role = { publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') };
  writeFileSync(cli.home.join('ada.key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(cli.home.join('online.json'), JSON.stringify({ snapshot: role, timestamp: role }));
  const flags = ['--root-key', 'ada.key.pub', '--online-keys', 'online.json'];
  expect(await cli.run(['release', 'init', 'releases', ...flags])).toMatchObject({ code: 0 });
}

/** Signs an in-toto statement about a file with a key that openssl makes. */
async function attest(
  cli: Cli,
  { file, out }: { readonly file: string; readonly out: string },
): Promise<void> {
  const { home } = cli;
  const sha256 = createHash('sha256')
    .update(readFileSync(home.join(file)))
    .digest('hex');
  const type = 'application/vnd.in-toto+json';
  const statement = JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: file, digest: { sha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
  });
  writeFileSync(home.join('pae'), `DSSEv1 ${type.length} ${type} ${statement.length} ${statement}`);
  await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', home.join('build.pem')]);
  await openssl(['pkey', '-in', home.join('build.pem'), '-pubout', '-out', home.join('build.pub')]);
  const signature = await openssl(['dgst', '-sha256', '-sign', home.join('build.pem'), home.join('pae')]);
  const payload = Buffer.from(statement).toString('base64');
  const signatures = [{ sig: signature.toString('base64') }];
  writeFileSync(home.join(out), JSON.stringify({ payloadType: type, payload, signatures }));
}

needs('openssl', 'openssl').describe('what a release records', () => {
  test('is what it is made of and how it was built, with an attestation that openssl signed', async () => {
    using cli = openCli();
    await startFolder(cli);
    const { home } = cli;
    const run = (...args: readonly string[]) => cli.run(['release', ...args, '--json']);
    writeFileSync(home.join('lamp.img'), 'firmware');
    writeFileSync(home.join('CHANGES.md'), '- closes CVE-2026-1\n');
    writeFileSync(
      home.join('lamp.cdx.json'),
      '{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"musl"}]}',
    );
    await attest(cli, { file: 'lamp.img', out: 'lamp.dsse.json' });
    const about = ['--product', 'lamp', '--version', '1.5.0', '--hardware', 'rev-b'];
    const add = (...more: readonly string[]) => run('add', 'releases', 'lamp.img', ...about, ...more);
    const documents = [
      ...['--sbom', 'lamp.cdx.json', '--provenance', 'lamp.dsse.json', '--provenance-key', 'build.pub'],
      ...['--changelog', 'CHANGES.md', '--support-until', '2031-12-31'],
    ];
    expect(await add(...documents)).toMatchObject({ code: 0 });
    const path = 'lamp/1.5.0/lamp.img';
    const record = { changelog: '- closes CVE-2026-1', supportUntil: '2031-12-31' };
    expect((await run('list', 'releases')).json).toMatchObject([{ path, record }]);
    expect((await run('show', path, '--folder', 'releases')).json).toMatchObject([
      {
        version: '1.5.0',
        ...record,
        sbom: { path: `${path}.sbom.json` },
        provenance: { sha256: expect.any(String) },
      },
    ]);

    const invalid = { code: 2, error: { code: 'updates.record_invalid' } };
    for (const bad of [
      ['--sbom', 'CHANGES.md'],
      ['--support-until', 'soon'],
      ['--provenance', 'lamp.dsse.json', '--provenance-key', 'ada.key.pub'],
    ])
      expect(await add(...bad), bad.join(' ')).toMatchObject(invalid);
    expect(await add('--provenance', 'lamp.dsse.json')).toMatchObject({ error: { code: 'cli.usage' } });
    writeFileSync(home.join('lamp.img'), 'other firmware');
    expect(await add(...documents)).toMatchObject(invalid);
    expect((await run('list', 'releases')).json).toMatchObject([{ lengthBytes: 8, record }]);
    await run('expire', 'releases', path);
    expect((await run('list', 'releases')).json).toEqual([]);
    expect(await run('show', path, '--folder', 'releases')).toMatchObject({
      code: 1,
      error: { code: 'cli.not_found' },
    });
  });

  test('is the signature for AWS OTA devices, by openssl and over these bytes, or the release is not added', async () => {
    using cli = openCli();
    await startFolder(cli);
    const { home } = cli;
    const path = 'lamp/1.5.0/lamp.img';
    const at = (name: string) => home.join(name);
    const run = (...args: readonly string[]) => cli.run(['release', ...args, '--json']);
    const key = ['-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', at('ota.key')];
    await openssl(['req', '-x509', '-newkey', 'ec', ...key, '-subj', '/CN=signer', '-out', at('ota.crt')]);
    await openssl(['x509', '-in', at('ota.crt'), '-pubkey', '-noout', '-out', at('ota.pub')]);
    writeFileSync(home.join('lamp.img'), 'firmware');
    await openssl(['dgst', '-sha256', '-sign', at('ota.key'), '-out', at('lamp.sig'), at('lamp.img')]);
    await openssl(['base64', '-in', at('lamp.sig'), '-out', at('lamp.sig.b64')]);
    const add = (signature: string, keyFile: string, ...more: readonly string[]) =>
      run(
        ...['add', 'releases', 'lamp.img', '--product', 'lamp', '--version', '1.5.0', '--hardware', 'rev-b'],
        ...['--aws-ota-signature', signature, '--aws-ota-key', keyFile, ...more],
      );
    const name = ['--aws-ota-certfile', 'Code Verify Key'];

    const unreadable = { code: expect.any(Number), error: { code: 'cli.unreadable' } };
    expect(await add('lamp.sig', 'ota.pub')).toMatchObject({ error: { code: 'cli.usage' } });
    expect(await add('lamp.sig', 'ota.pub', '--aws-ota-certfile', 'é')).toMatchObject({
      error: { code: 'updates.record_invalid' },
    });
    for (const keyFile of ['ada.key.pub', 'ota.key', 'lamp.img'])
      expect(await add('lamp.sig', keyFile, ...name), keyFile).toMatchObject(unreadable);
    expect(await add('ota.pub', 'ota.pub', ...name)).toMatchObject(unreadable);
    writeFileSync(home.join('lamp.img'), 'another');
    expect(await add('lamp.sig', 'ota.pub', ...name)).toMatchObject(unreadable);
    expect((await run('list', 'releases')).json).toEqual([]);

    writeFileSync(home.join('lamp.img'), 'firmware');
    const signature = readFileSync(home.join('lamp.sig')).toString('base64');
    for (const [file, keyFile] of [
      ['lamp.sig', 'ota.crt'],
      ['lamp.sig.b64', 'ota.pub'],
    ] as const)
      expect(await add(file, keyFile, ...name), file).toMatchObject({ code: 0 });
    expect((await run('show', path, '--folder', 'releases')).json).toMatchObject([
      { awsOta: { signature, certFile: 'Code Verify Key' } },
    ]);
    const without = ['--product', 'lamp', '--version', '1.5.0', '--hardware', 'rev-b'];
    const again = await run('add', 'releases', 'lamp.img', ...without);
    expect(again.json).toMatchObject([{ dropped: ['signature for AWS OTA'] }]);
  });
});
