import { constants, createPrivateKey, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { toHex } from '@fleetward/core';
import { AttestingDevice, type TpmEvidence, temporaryFolder } from '@fleetward/testkit';
import { parseTpmPublic } from '../src/index.ts';

// Writes conformance/vectors/tpm/{valid,invalid}/*.json with Debian's swtpm and tpm2-tools. The TPMs are made here and kept nowhere, so every run makes others.

const conformance = new URL('../../../conformance/vectors/tpm/', import.meta.url);
using folder = temporaryFolder();
await using device = await AttestingDevice.start(folder.join('tpm'));
const { tpm } = device;

const withoutSize = (bytes: Uint8Array): string => toHex(bytes.subarray(2));
const nameOf = (context: string) =>
  tpm.run('readpublic', '-c', context, '-n', 'name').then(() => toHex(tpm.read('name')));
const spkiOf = (context: string) =>
  tpm.run('readpublic', '-c', context, '-f', 'der', '-o', 'spki').then(() => toHex(tpm.read('spki')));

interface PublicCase {
  readonly name: string;
  readonly publicArea: string;
  readonly tpmName: string;
  readonly spki: string;
}

const publicAreas: PublicCase[] = [];
async function publicCase(name: string, context: string, area: Uint8Array): Promise<void> {
  publicAreas.push({
    name,
    publicArea: toHex(area),
    tpmName: await nameOf(context),
    spki: await spkiOf(context),
  });
}

const certifications: object[] = [];
function certification(
  name: string,
  { attestationKey, deviceKey, attestation, signature }: TpmEvidence,
): void {
  const shown = { attestationKey, deviceKey, attestation, signature };
  certifications.push({ name, ...hexed(shown) });
}

function hexed(parts: object): object {
  return Object.fromEntries(Object.entries(parts).map(([name, bytes]) => [name, toHex(bytes as Uint8Array)]));
}

const rsa = await device.prepare({ endorsement: 'rsa', attestation: 'rsa', device: 'rsa' });
certification('RSASSA of an RSA key', rsa);
await publicCase('an endorsement key, RSA (template L-1)', 'ek.ctx', rsa.endorsementKey);
await publicCase('an attestation key, RSA', 'ak.ctx', rsa.attestationKey);
await publicCase('a device key, RSA', 'key.ctx', rsa.deviceKey);
const ecc = await device.prepare();
certification('ECDSA of a P-256 key', ecc);
await publicCase('an endorsement key, P-256 (template L-2)', 'ek.ctx', ecc.endorsementKey);
await publicCase('an attestation key, P-256', 'ak.ctx', ecc.attestationKey);
await publicCase('a device key, P-256', 'key.ctx', ecc.deviceKey);

const signer = ['-C', 'parent.ctx', '-c', 'other.ctx', '-u', 'other.pub', '-r', 'other.priv'];
await tpm.run(
  'create',
  ...signer,
  '-G',
  'ecc384',
  '-g',
  'sha384',
  '-a',
  'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign',
);
await publicCase('a device key, P-384, named by SHA-384', 'other.ctx', tpm.read('other.pub'));
await tpm.run(
  'create',
  ...signer,
  '-G',
  'rsa2048:rsapss:null',
  '-a',
  'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign',
);
await publicCase('a device key, RSA with a scheme', 'other.ctx', tpm.read('other.pub'));

const pss = await pssCertification();
certification('RSAPSS of a P-256 key', pss);
await device.prepare();
write(
  'valid',
  'public-areas',
  'Each `publicArea` (TPM2B_PUBLIC, hex) has the name and the SubjectPublicKeyInfo (DER) that tpm2_readpublic gives.',
  publicAreas,
);
write(
  'valid',
  'certifications',
  '`attestationKey` and `deviceKey` are TPM2B_PUBLIC, `attestation` TPMS_ATTEST, `signature` TPMT_SIGNATURE, by tpm2_certify: the first has certified the second.',
  certifications,
);
write(
  'valid',
  'credentials',
  'From `seed`, the TPM2B_ID_OBJECT that tpm2_makecredential made for `secret` and the key called `objectName` (SHA-256, AES-128-CFB).',
  await credentials(),
);

const current = device.evidence();
await tpm.run(
  'create',
  ...signer,
  '-G',
  'ecc256',
  '-g',
  'sha1',
  '-a',
  'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign',
);
const bySha1 = tpm.read('other.pub');
await tpm.run('create', ...signer, '-G', 'hmac');
const hmac = tpm.read('other.pub');
const area = current.deviceKey;
write('invalid', 'public-areas', 'No `publicArea` is one of a key that is taken.', [
  { name: 'named by SHA-1', publicArea: toHex(bySha1) },
  { name: 'of an HMAC key', publicArea: toHex(hmac) },
  { name: 'empty', publicArea: '' },
  { name: 'cut off', publicArea: toHex(area.subarray(0, -1)) },
  {
    name: 'cut off within, with a right size',
    publicArea: toHex(Buffer.concat([sizeOf(area.length - 3), area.subarray(2, -1)])),
  },
  { name: 'with a byte after it', publicArea: toHex(Buffer.concat([area, Buffer.alloc(1)])) },
  {
    name: 'with a byte after it, within its size',
    publicArea: toHex(Buffer.concat([sizeOf(area.length - 1), area.subarray(2), Buffer.alloc(1)])),
  },
  { name: 'without the size before it', publicArea: withoutSize(area) },
  {
    name: 'on a curve that is not taken',
    publicArea: toHex(area).replace('00100003001000', '00100005001000'),
  },
  { name: 'above any size', publicArea: toHex(Buffer.concat([sizeOf(1_100), Buffer.alloc(1_100)])) },
]);
await tpm.run('quote', '-c', 'ak.ctx', '-l', 'sha256:0', '-m', 'quote', '-s', 'quote.sig', '-g', 'sha256');
const wrongMagic = Uint8Array.from(current.attestation).fill(0xfe, 0, 1);
const altered = Uint8Array.from(current.attestation);
altered[40]! ^= 1;
write('invalid', 'certifications', 'As the valid ones; in none has the first key certified the second.', [
  caseOf('of another key', { ...current, deviceKey: ecc.deviceKey }),
  caseOf('signed by another key', { ...current, attestationKey: ecc.attestationKey }),
  caseOf('of tpm2_quote', { ...current, attestation: tpm.read('quote'), signature: tpm.read('quote.sig') }),
  caseOf('not made by a TPM', { ...current, attestation: wrongMagic }),
  caseOf('altered', { ...current, attestation: altered }),
  caseOf('cut off', { ...current, attestation: current.attestation.subarray(0, -1) }),
  caseOf('with a byte after it', {
    ...current,
    attestation: Buffer.concat([current.attestation, Buffer.alloc(1)]),
  }),
  caseOf('with an empty signature', { ...current, signature: new Uint8Array() }),
  caseOf('with a signature that is cut off', { ...current, signature: current.signature.subarray(0, -1) }),
  caseOf('with a byte after the signature', {
    ...current,
    signature: Buffer.concat([current.signature, Buffer.alloc(1)]),
  }),
  caseOf('with a signature of another scheme', { ...current, signature: rsa.signature }),
  caseOf('with the signature of another attestation', { ...current, signature: ecc.signature }),
]);

function caseOf(name: string, { attestationKey, deviceKey, attestation, signature }: TpmEvidence): object {
  return { name, ...hexed({ attestationKey, deviceKey, attestation, signature }) };
}

function sizeOf(length: number): Uint8Array {
  return Uint8Array.of(length >> 8, length & 0xff);
}

async function pssCertification(): Promise<TpmEvidence> {
  await tpm.run(
    'createak',
    '-C',
    'ek.ctx',
    '-c',
    'ak.ctx',
    '-G',
    'rsa',
    '-g',
    'sha256',
    '-s',
    'rsapss',
    '-u',
    'ak.pub',
  );
  await device.certify('key.ctx', ['--scheme', 'rsapss']);
  return device.evidence();
}

/** For an endorsement key whose private part is known here, to read the seed; it is stored nowhere. */
async function credentials(): Promise<readonly object[]> {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = keys.publicKey.export({ type: 'spki', format: 'pem' });
  tpm.write('soft.pem', Buffer.from(pem));
  const objectName = parseTpmPublic(device.evidence().attestationKey).name;
  const made: object[] = [];
  for (const secret of ['00'.repeat(32), '0102030405060708', 'ff'.repeat(20)]) {
    tpm.write('known', Buffer.from(secret, 'hex'));
    await tpm.run(
      'makecredential',
      '-T',
      'none',
      '-G',
      'rsa',
      '-u',
      'soft.pem',
      '-s',
      'known',
      '-n',
      toHex(objectName),
      '-o',
      'made',
    );
    const bytes = Buffer.from(tpm.read('made')).subarray(8);
    const size = bytes.readUInt16BE();
    const seed = privateDecrypt(
      {
        key: createPrivateKey(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })),
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: 'sha256',
        oaepLabel: Buffer.from('IDENTITY\0'),
      },
      bytes.subarray(size + 4),
    );
    made.push({
      name: `a secret of ${secret.length / 2} bytes`,
      ...hexed({ seed, objectName }),
      secret,
      credentialBlob: toHex(bytes.subarray(0, size + 2)),
    });
  }
  return made;
}

function write(kind: 'valid' | 'invalid', name: string, about: string, cases: readonly object[]): void {
  mkdirSync(new URL(kind, conformance), { recursive: true });
  const text = JSON.stringify({ kind: 'tpm', about, cases }, null, 2);
  writeFileSync(new URL(`${kind}/${name}.json`, conformance), `${text}\n`);
}
