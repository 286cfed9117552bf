import { type JsonObject, parseSha256, type Signer } from '@fleetward/core';
import {
  addTarget,
  customOfRecord,
  documentPath,
  draftTargets,
  type ReleaseRecord,
} from '@fleetward/updates';
import { describe, expect, test } from 'vitest';
import { checkRecords } from '../../src/releases/check-records.ts';
import { newSigner, sha256Of } from './engineer.ts';

const expiresMs = Date.parse('2031-01-01');
const firmware = Buffer.from('firmware one');
const sbom = Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6' }));
const builder = newSigner();
const path = 'app/1.img';

async function attestation(by: Signer, sha256 = sha256Of(firmware)): Promise<Buffer> {
  const type = 'application/vnd.in-toto+json';
  const statement = JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: path, digest: { sha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
  });
  const signature = await by.sign(
    Buffer.from(`DSSEv1 ${type.length} ${type} ${statement.length} ${statement}`),
  );
  const [payload, sig] = [Buffer.from(statement), signature].map((bytes) =>
    Buffer.from(bytes).toString('base64'),
  );
  return Buffer.from(JSON.stringify({ payloadType: type, payload, signatures: [{ sig }] }));
}

interface Listed {
  readonly path: string;
  readonly bytes: Buffer;
  readonly custom?: JsonObject;
}

function targetsOf(files: readonly Listed[]): Uint8Array {
  return files.reduce<Uint8Array>(
    (targets, { path: at, bytes, custom = {} }) =>
      addTarget(targets, {
        target: { path: at, length: bytes.length, sha256: sha256Of(bytes), custom },
        expiresMs,
      }),
    draftTargets({ version: 1, expiresMs }),
  );
}

function check(files: readonly Listed[], before?: Uint8Array): Promise<void> {
  const bytesOf = new Map(files.map(({ bytes }) => [sha256Of(bytes), bytes]));
  async function* read(sha256: string) {
    yield bytesOf.get(parseSha256(sha256)) ?? Buffer.alloc(0);
  }
  return checkRecords({ read }, { before: before === undefined ? [] : [before], next: [targetsOf(files)] });
}

const release = (record: ReleaseRecord): Listed => ({
  path,
  bytes: firmware,
  custom: customOfRecord(record),
});
const beside = (kind: 'sbom' | 'provenance', bytes: Buffer): Listed => ({
  path: documentPath(path, kind),
  bytes,
});
const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'releases.record_refused', message: expect.stringMatching(message) });

describe('the documents of a release that is published', () => {
  test('are an SBOM and an attestation by the key that the signed list names', async () => {
    const provenance = await attestation(builder);
    const record = {
      sbom: sha256Of(sbom),
      provenance: { sha256: sha256Of(provenance), publicKey: builder.publicKey },
    };
    await check([release(record), beside('sbom', sbom), beside('provenance', provenance)]);
  });

  test('are refused when they are none, of another key, about other bytes, or not listed', async () => {
    const nonsense = Buffer.from('{}');
    const noSbom = release({ sbom: sha256Of(nonsense) });
    await expect(check([noSbom, beside('sbom', nonsense)])).rejects.toEqual(
      refused(/`app\/1.img`: not a CycloneDX/),
    );
    await expect(check([release({ sbom: sha256Of(sbom) })])).rejects.toEqual(refused(/not listed/));
    for (const provenance of [await attestation(newSigner()), await attestation(builder, sha256Of(sbom))]) {
      const link = { sha256: sha256Of(provenance), publicKey: builder.publicKey };
      const files = [release({ provenance: link }), beside('provenance', provenance)];
      await expect(check(files)).rejects.toEqual(refused(/not an attestation|about other artifacts/));
    }
  });

  test('are not taken away, nor exchanged, behind a release that stays as it was', async () => {
    const linked = release({ sbom: sha256Of(sbom) });
    const before = targetsOf([linked, beside('sbom', sbom)]);
    await expect(check([linked], before)).rejects.toEqual(refused(/not listed/));
    const other = Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.5' }));
    await expect(check([linked, beside('sbom', other)], before)).rejects.toEqual(refused(/not listed/));
  });

  test('are not read again while the release is as it was', async () => {
    const files = [release({ sbom: sha256Of(sbom) }), beside('sbom', sbom)];
    const before = [targetsOf(files)];
    const read = () => {
      throw new Error('read again');
    };
    await checkRecords({ read }, { before, next: before });
    await expect(checkRecords({ read }, { before: [], next: before })).rejects.toThrow('read again');
  });
});
