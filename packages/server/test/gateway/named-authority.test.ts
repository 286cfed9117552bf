import { writeFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { encodePem, parseCertificate, parseCertificatesPem } from '@fleetward/pki';
import { createVendorCaCode, registerVendorCa } from '@fleetward/protocol';
import { openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namedIssuer, namedRoot } from '../../src/gateway/named-authority.ts';
import { newVendor } from '../vendor-cas/vendor.ts';
import { allowAll, connectMqtt, tlsOf } from './raw-peers.ts';

let platform: TestPlatform;
let device: TestDevice;
beforeAll(async () => {
  platform = await startTestPlatform();
  await allowAll(platform);
  device = await platform.enrol('pump', { policies: ['all'] });
});
afterAll(() => platform.stop());

/** What openssl says of the device’s chain when this is all that it trusts. */
async function verifyUnder(name: string, pem: string): Promise<string> {
  const [leaf, ...issuers] = parseCertificatesPem(device.cert).map(({ der }) =>
    encodePem('CERTIFICATE', der),
  );
  const file = (label: string, text: string): string => {
    const path = platform.folder.join(`${name}-${label}.pem`);
    writeFileSync(path, text);
    return path;
  };
  const trusted = ['-no-CApath', '-no-CAstore', '-CAfile', file('trusted', pem)];
  const chain = ['-untrusted', file('issuers', issuers.join('')), file('leaf', leaf ?? '')];
  return openssl(['verify', ...trusted, ...chain]).then(
    (output) => output.toString(),
    (error: Error) => error.message,
  );
}

test('openssl finds no issuer in it, and takes the root itself for one', async () => {
  const [root] = parseCertificatesPem(platform.rootPem);
  expect(await verifyUnder('root', platform.rootPem)).toMatch(/: OK$/m);
  const named = encodePem('CERTIFICATE', namedRoot(root!));
  expect(await verifyUnder('named', named)).toMatch(/unable to get (local )?issuer certificate/);
});

test('a root whose key identifier is one octet keeps its name, under another one', async () => {
  const extensions = ['basicConstraints=critical,CA:TRUE', 'subjectKeyIdentifier=01'];
  const { ca } = await newVendor(platform.folder, { extensions });
  const named = parseCertificate(namedRoot(ca));
  expect(named.subject.text).toBe(ca.subject.text);
  expect(named.extensions).toMatchObject({ subjectKeyId: 'fe', basicConstraints: { ca: true } });
});

test('openssl prefers the issuing CA in it to the true one that the device sends, and has no signature fit it', async () => {
  const [, issuing] = parseCertificatesPem(device.cert);
  const real = encodePem('CERTIFICATE', issuing!.der);
  expect(await verifyUnder('issuing', platform.rootPem + real)).toMatch(/: OK$/m);
  const named = encodePem('CERTIFICATE', namedIssuer(issuing!)!);
  expect(await verifyUnder('named-issuer', platform.rootPem + named)).toMatch(
    /certificate signature failure/,
  );
});

test('an issuing CA that is its own issuer has no such form', () => {
  const [root] = parseCertificatesPem(platform.rootPem);
  expect(namedIssuer(root!)).toBeUndefined();
});

test('the server names its root and its issuing CA to a client that has several certificates, by openssl, and admits its devices', async () => {
  const at = `localhost:${platform.platform.ports.mqtt}`;
  const ask = () =>
    openssl(['s_client', '-connect', at, '-servername', 'localhost', '-tls1_3'], {
      input: Buffer.alloc(0),
    }).catch((error: Error) => Buffer.from(error.message));
  // Without a certificate it is cut: where that comes before it has read the end of its input, it tells of nothing else.
  let said = await ask();
  for (let tries = 0; tries < 20 && said.includes('unexpected eof'); tries++) said = await ask();
  const [root] = parseCertificatesPem(platform.rootPem);
  const [, issuing] = parseCertificatesPem(device.cert);
  const [rootName, issuingName] = [root!, issuing!].map(
    ({ subject }) => /CN=([^,]+)/.exec(subject.text)?.[1],
  );
  expect(said.toString()).toMatch(
    new RegExp(`Acceptable client certificate CA names\\n.*${rootName}\\n.*${issuingName}\\n`),
  );
  const socket = connect({ port: platform.platform.ports.mqtt, ca: platform.rootPem, ...tlsOf(device) });
  expect(await connectMqtt(socket, 'pump')).toBe(0);
  socket.destroy();
});

test('devices come in also when the names of the CAs are more than a handshake can carry', async () => {
  const long = '/description='.concat('x'.repeat(1_000)).repeat(14);
  for (const name of ['Acme', 'Bolt', 'Cog', 'Dyn', 'Eddy']) {
    const vendor = await newVendor(platform.folder, { subject: `/CN=${name}${long}` });
    const { code } = await platform.api.call(createVendorCaCode);
    const verificationPem = encodePem('CERTIFICATE', (await vendor.verify(code)).der);
    await platform.api.call(registerVendorCa, { body: { caPem: vendor.caPem, verificationPem } });
  }
  await platform.restart();
  const socket = connect({ port: platform.platform.ports.mqtt, ca: platform.rootPem, ...tlsOf(device) });
  expect(await connectMqtt(socket, 'pump')).toBe(0);
  socket.destroy();
});
