import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { parseSha256 } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUpdatesError } from '../src/errors.ts';
import { sha256Hex } from '../src/metadata/key.ts';
import { isAwsOtaSigning } from '../src/record/aws-ota.ts';
import { checkRecord } from '../src/record/check-record.ts';
import { verifyProvenance } from '../src/record/provenance.ts';
import {
  customOfRecord,
  documentPath,
  parseReleaseRecord,
  type ReleaseRecord,
} from '../src/record/release-record.ts';
import { parseSbom } from '../src/record/sbom.ts';
import { envelopeOf, payloadType, statementOf } from './attestation.ts';
import { chunks, fileOf, newSigner } from './kit.ts';

const sha256 = parseSha256('a'.repeat(64));
const invalid = expect.objectContaining({ code: 'updates.record_invalid' });
const sbomOf = (change: object = {}) =>
  fileOf(
    JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ name: 'musl' }], ...change }),
  );

describe('an SBOM', () => {
  it('is CycloneDX in JSON', () => {
    expect(parseSbom(sbomOf())).toEqual({ specVersion: '1.6', components: 1 });
    expect(parseSbom(sbomOf({ components: undefined }))).toMatchObject({ components: 0 });
  });

  it.each([
    ['SPDX', { bomFormat: undefined, spdxVersion: 'SPDX-2.3' }],
    ['an old version', { specVersion: '1.1' }],
    ['no list of components', { components: {} }],
    ['a component without a name', { components: [{}] }],
    ['too many components', { components: Array.from({ length: 100_001 }, () => ({ name: 'a' })) }],
  ])('is refused when it is %s', (_, change) => {
    expect(() => parseSbom(sbomOf(change))).toThrow(invalid);
  });

  it('is refused when it is no JSON, nested without end, or too large', () => {
    for (const text of ['', '<bom/>', '[]', '{"bomFormat":'.repeat(100), `${'['.repeat(10_000)}`])
      expect(() => parseSbom(fileOf(text))).toThrow(invalid);
    expect(() => parseSbom(new Uint8Array(16 * 1024 * 1024 + 1))).toThrow(/at most 16777216/);
  });
});

describe('provenance', () => {
  const signer = newSigner();
  const { publicKey } = signer;

  it.each(['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha256'] as const)(
    'signed with %s, by one of several signers, about this artifact among others',
    async (algorithm) => {
      const mine = newSigner(algorithm);
      const envelope = await envelopeOf(statementOf(sha256), [signer, mine]);
      expect(verifyProvenance(envelope, { publicKey: mine.publicKey, sha256 })).toEqual({
        predicateType: 'https://slsa.dev/provenance/v1',
        subject: 'lamp.img',
      });
    },
  );

  it('takes the other alphabet of base64 as well', async () => {
    const text = Buffer.from(await envelopeOf(statementOf(sha256, { note: '???>>>' }), [signer])).toString();
    const { payload, signatures } = JSON.parse(text);
    const url = (value: string) => value.replaceAll('+', '-').replaceAll('/', '_');
    const other = { payloadType, payload: url(payload), signatures: [{ sig: url(signatures[0].sig) }] };
    expect(verifyProvenance(fileOf(JSON.stringify(other)), { publicKey, sha256 })).toBeDefined();
  });

  const statement = statementOf(sha256);
  const refused: Record<string, () => Promise<Uint8Array>> = {
    'by another key': () => envelopeOf(statement, [newSigner()]),
    'without a signature': () => envelopeOf(statement, []),
    'about another artifact': () => envelopeOf(statementOf('b'.repeat(64)), [signer]),
    'about an artifact by another digest': () =>
      envelopeOf(statementOf(sha256, { subject: [{ digest: { sha1: sha256 } }] }), [signer]),
    'about nothing': () => envelopeOf(statementOf(sha256, { subject: [] }), [signer]),
    'of another type of statement': () => envelopeOf(statementOf(sha256, { _type: 'x' }), [signer]),
    'of another payload type': () => envelopeOf(statement, [signer], { payloadType: 'application/json' }),
    'whose payload was exchanged': () =>
      envelopeOf(statement, [signer], {
        payload: Buffer.from(statementOf(sha256, { a: 1 })).toString('base64'),
      }),
    'that signs the payload alone': async () => {
      const sig = Buffer.from(await signer.sign(fileOf(statement))).toString('base64');
      return envelopeOf(statement, [], { signatures: [{ sig }] });
    },
    'with too many signatures': () =>
      envelopeOf(
        statement,
        Array.from({ length: 17 }, () => signer),
      ),
    'whose base64 has stray bits': async () => envelopeOf(statement, [], { signatures: [{ sig: 'AB==' }] }),
    'that is cut': async () => (await envelopeOf(statement, [signer])).subarray(0, -5),
    'whose payload is no JSON': () => envelopeOf('{', [signer]),
  };

  it.each(Object.entries(refused))('is refused %s', async (_, make) => {
    const envelope = await make();
    expect(() => verifyProvenance(envelope, { publicKey, sha256 })).toThrow(invalid);
  });
});

const engineer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const ecdsaSignature = () => sign('sha256', randomBytes(32), engineer);
const links = fc.record({
  sha256: fc.constant(sha256),
  publicKey: fc.oneof(fc.base64String(), fc.constantFrom('AB==', 'A===')),
});
const awsOtaMembers = fc.record({
  signature: fc.oneof(fc.base64String(), fc.constantFrom(ecdsaSignature().toString('base64'), 'AB==')),
  certFile: fc.oneof(fc.string(), fc.constant('signer.crt')),
});

describe('the record of a release', () => {
  it('comes back from its signed field as it went in', () => {
    const record: ReleaseRecord = {
      changelog: '- closes CVE-2026-1',
      supportUntil: '2031-12-31',
      sbom: sha256,
      provenance: { sha256, publicKey: newSigner().publicKey },
      awsOta: { signature: ecdsaSignature(), certFile: 'Code Verify Key' },
    };
    const custom = JSON.parse(JSON.stringify(customOfRecord(record)));
    const read = parseReleaseRecord(custom);
    const asBytes = ({ awsOta, ...rest }: ReleaseRecord) => ({
      ...{ ...rest, provenance: undefined },
      awsOta: { ...awsOta, signature: Buffer.from(awsOta!.signature) },
    });
    expect(asBytes(read)).toEqual(asBytes(record));
    expect(Buffer.from(read.provenance!.publicKey)).toEqual(Buffer.from(record.provenance!.publicKey));
    expect(customOfRecord({})).toEqual({});
  });

  it('refuses what could not be read back', () => {
    for (const record of [{ changelog: '' }, { changelog: 'a'.repeat(4097) }, { supportUntil: '2031-02-30' }])
      expect(() => customOfRecord(record)).toThrow(invalid);
  });

  it('leaves out what is not of its form, whatever a signer wrote', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('changelog', 'supportUntil', 'sbom', 'provenance', 'awsOta'),
          fc.oneof(fc.jsonValue(), awsOtaMembers, links),
        ),
        (custom) => {
          const record = parseReleaseRecord(JSON.parse(JSON.stringify(custom)));
          expect(() => customOfRecord(record)).not.toThrow();
        },
      ),
    );
  });
});

describe('the signature for AWS OTA', () => {
  it('is every one that openssl makes, and none that is damaged', () => {
    for (let round = 0; round < 200; round++) {
      const signature = ecdsaSignature();
      expect(isAwsOtaSigning({ signature, certFile: 'signer.crt' })).toBe(true);
      for (const bad of [
        signature.subarray(1),
        signature.subarray(0, -1),
        Buffer.concat([signature, signature]),
      ])
        expect(isAwsOtaSigning({ signature: bad, certFile: 'signer.crt' })).toBe(false);
    }
  });

  it.each([
    ['empty', ''],
    ['a zero', '3006020100020101'],
    ['negative', '3006020180020101'],
    ['longer than it need be', '300702020001020101'],
    ['of one number', '3003020101'],
    ['of three numbers', '3009020101020101020101'],
    ['cut in a number', '3006020101020201'],
    ['of P-384', `3064${`0230${'11'.repeat(48)}`.repeat(2)}`],
    ['not a sequence', '3106020101020101'],
  ])('is refused when it is %s', (_, hex) => {
    expect(isAwsOtaSigning({ signature: Buffer.from(hex, 'hex'), certFile: 'signer.crt' })).toBe(false);
  });

  it.each(['', 'a"b', 'a\\b', 'é', 'a\nb', 'a'.repeat(129)])('has no certificate named %j', (certFile) => {
    expect(() => customOfRecord({ awsOta: { signature: ecdsaSignature(), certFile } })).toThrow(invalid);
  });
});

describe('the documents of a release', () => {
  const signer = newSigner();

  /** A release with both documents, one of them changed afterwards. */
  async function check(
    change: { sbom?: Uint8Array; provenance?: Uint8Array; unlisted?: boolean; lost?: boolean } = {},
  ) {
    const sbom = sbomOf();
    const provenance = await envelopeOf(statementOf(sha256), [signer]);
    const shaOf = (bytes: Uint8Array) => parseSha256(sha256Hex(bytes));
    const record = {
      sbom: shaOf(sbom),
      provenance: { sha256: shaOf(provenance), publicKey: signer.publicKey },
    };
    const release = { path: 'lamp/1.img', sha256, custom: customOfRecord(record) };
    const listed = new Map([
      [documentPath(release.path, 'sbom'), { sha256: shaOf(sbom) }],
      [documentPath(release.path, 'provenance'), { sha256: shaOf(provenance) }],
    ]);
    const files = new Map<string, Uint8Array>([
      [shaOf(sbom), change.sbom ?? sbom],
      [shaOf(provenance), change.provenance ?? provenance],
    ]);
    const read = (name: string) => (files.has(name) ? chunks(files.get(name)!, 64) : undefined);
    return checkRecord(release, {
      targetAt: (path) => (change.unlisted ? undefined : listed.get(path)),
      read: change.lost ? () => undefined : read,
    });
  }

  it('are listed beside it, whole, and what they should be', async () => {
    expect(await check()).toMatchObject({ sbom: { components: 1 }, provenance: { subject: 'lamp.img' } });
  });

  it('are refused when they are not listed, not there, or have other bytes', async () => {
    await expect(check({ unlisted: true })).rejects.toThrow(/is not listed/);
    await expect(check({ lost: true })).rejects.toThrow(/are not there/);
    await expect(check({ sbom: sbomOf({ components: [] }) })).rejects.toThrow(/other bytes/);
    const large = new Uint8Array(16 * 1024 * 1024 + 1);
    await expect(check({ provenance: large })).rejects.toThrow(/more than/);
  });
});

it('no bytes make a reader of documents do anything but accept or refuse', () => {
  const read = (bytes: Uint8Array) => {
    for (const parse of [parseSbom, (b: Uint8Array) => verifyProvenance(b, { publicKey: newKey, sha256 })]) {
      try {
        parse(bytes);
      } catch (error) {
        if (!isUpdatesError(error)) throw error;
      }
    }
  };
  const newKey = newSigner().publicKey;
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), read));
  fc.assert(fc.property(fc.json(), (text) => read(fileOf(text))));
});
