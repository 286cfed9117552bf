import { constants, createHmac, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { equalBytes, fromHex, toHex } from '@fleetward/core';
import { AttestingDevice, describeWithTpm, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  makeTpmCredential,
  PkiError,
  parsePublicKey,
  parseTpmCertification,
  parseTpmPublic,
  sealTpmCredential,
  verifyTpmSignature,
} from '../src/index.ts';

type Case = Readonly<
  Record<
    | 'name'
    | 'publicArea'
    | 'tpmName'
    | 'spki'
    | 'attestationKey'
    | 'deviceKey'
    | 'attestation'
    | 'signature'
    | 'seed'
    | 'objectName'
    | 'secret'
    | 'credentialBlob',
    string
  >
>;

const folder = new URL('../../../conformance/vectors/tpm/', import.meta.url);
const cases = (file: string): readonly Case[] =>
  JSON.parse(readFileSync(new URL(`${file}.json`, folder), 'utf8')).cases;
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

/** Whether the first key has certified the second; false too for what cannot be read. */
function isCertified({ attestationKey, deviceKey, attestation, signature }: Case): boolean {
  try {
    const certified = parseTpmCertification(fromHex(attestation));
    const signed = { message: certified.signed, signature: fromHex(signature) };
    return (
      equalBytes(certified.name, parseTpmPublic(fromHex(deviceKey)).name) &&
      verifyTpmSignature(parseTpmPublic(fromHex(attestationKey)).publicKey, signed)
    );
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return false;
  }
}

describe('the shared vectors of a TPM', () => {
  it.each(cases('valid/public-areas'))('read the public area: $name', ({ publicArea, tpmName, spki }) => {
    const { name, publicKey } = parseTpmPublic(fromHex(publicArea));
    expect({ name: toHex(name), spki: toHex(publicKey.spki) }).toEqual({ name: tpmName, spki });
  });

  it.each(cases('invalid/public-areas'))('refuse the public area: $name', ({ publicArea }) => {
    expect(() => parseTpmPublic(fromHex(publicArea))).toThrow(PkiError);
  });

  it.each(cases('valid/certifications'))('believe the certification: $name', (certification) => {
    expect(isCertified(certification)).toBe(true);
  });

  it.each(cases('invalid/certifications'))('do not believe the certification: $name', (certification) => {
    expect(isCertified(certification)).toBe(false);
  });

  it.each(cases('valid/credentials'))(
    'make the credential: $name',
    ({ seed, objectName, secret, credentialBlob }) => {
      const sealed = sealTpmCredential({
        seed: fromHex(seed),
        name: fromHex(objectName),
        secret: fromHex(secret),
      });
      expect(toHex(sealed)).toBe(credentialBlob);
    },
  );

  it.each([
    ['not made by a TPM', /TPM_GENERATED_VALUE/],
    ['of tpm2_quote', /not of TPM2_Certify/],
  ])('refuse what is no certification, whoever has signed it: %s', (wanted, why) => {
    const { attestation } = cases('invalid/certifications').find(({ name }) => name === wanted)!;
    expect(() => parseTpmCertification(fromHex(attestation))).toThrow(why);
  });

  it('every byte of a certification counts', () => {
    const [certification] = cases('valid/certifications');
    const bytes = fromHex(certification!.attestation);
    for (let at = 0; at < bytes.length; at++) {
      const altered = Uint8Array.from(bytes);
      altered[at]! ^= 0x80;
      expect(isCertified({ ...certification!, attestation: toHex(altered) }), `byte ${at}`).toBe(false);
    }
  });
});

describe('a public area', () => {
  it('with a coordinate whose leading zeros are left out has the whole point', () => {
    const { publicArea } = cases('valid/public-areas').find(({ name }) => name === 'a device key, P-256')!;
    const bytes = Buffer.from(publicArea, 'hex');
    const x = bytes.length - 2 * 34;
    const short = Buffer.concat([bytes.subarray(0, x), Buffer.from([0, 31]), bytes.subarray(x + 3)]);
    short.writeUInt16BE(short.length - 2);
    const point = Buffer.from(parseTpmPublic(short).publicKey.bits);
    expect([point.length, point[1]]).toEqual([65, 0]);
    expect(point.subarray(2)).toEqual(Buffer.concat([bytes.subarray(x + 3, x + 34), bytes.subarray(x + 36)]));
  });
});

describe('a credential', () => {
  it('is made for endorsement keys of the default templates only', () => {
    const spki = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({
      type: 'spki',
      format: 'der',
    });
    const content = { name: new Uint8Array(34), secret: new Uint8Array(32), random };
    expect(() => makeTpmCredential({ endorsementKey: parsePublicKey(spki), ...content })).toThrow(PkiError);
  });

  it('gives the seed to the holder of the key, under the label IDENTITY', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const endorsementKey = parsePublicKey(publicKey.export({ type: 'spki', format: 'der' }));
    const content = { name: new Uint8Array(34).fill(7), secret: new Uint8Array(32).fill(9) };
    const { credentialBlob, encryptedSecret } = makeTpmCredential({ endorsementKey, ...content, random });
    const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;
    const oaepLabel = Buffer.from('IDENTITY\0');
    const seed = privateDecrypt({ key: privateKey, ...padding, oaepLabel }, encryptedSecret.subarray(2));
    expect(toHex(sealTpmCredential({ seed, ...content }))).toBe(toHex(credentialBlob));
    // The integrity is over what is sealed and the name, by a key from the seed alone.
    const key = createHmac('sha256', seed).update(Buffer.from('00000001', 'hex')).update('INTEGRITY\0');
    const hmac = createHmac('sha256', key.update(Buffer.from('00000100', 'hex')).digest());
    hmac.update(credentialBlob.subarray(36)).update(content.name);
    expect(toHex(credentialBlob.subarray(4, 36))).toBe(hmac.digest('hex'));
  });
});

describeWithTpm('a TPM in software', () => {
  let files: TemporaryFolder;
  let device: AttestingDevice;

  beforeAll(async () => {
    files = temporaryFolder();
    device = await AttestingDevice.start(files.join('tpm'));
  });

  afterAll(async () => {
    await device[Symbol.asyncDispose]();
    files.remove();
  });

  it.each(['rsa', 'ecc'] as const)(
    'opens a credential for its endorsement key, %s, and its attestation key',
    async (kind) => {
      const shown = await device.prepare({ endorsement: kind });
      const attestationKey = parseTpmPublic(shown.attestationKey);
      const endorsementKey = parseTpmPublic(shown.endorsementKey).publicKey;
      const secret = random.bytes(32);
      const credential = makeTpmCredential({ endorsementKey, name: attestationKey.name, secret, random });
      expect(toHex(await device.activate(credential))).toBe(toHex(secret));
      const { name } = parseTpmPublic(shown.deviceKey);
      const ofAnother = makeTpmCredential({ endorsementKey, name, secret, random });
      await expect(device.activate(ofAnother)).rejects.toThrow(/integrity check failed/);
    },
  );
});
