import { readFileSync } from 'node:fs';
import { fromHex } from '@fleetward/core';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { sequence } from '../src/der/writer.ts';
import { encodePem, makeName, PkiError, parseCertificate, validatePath } from '../src/index.ts';
import {
  encodeBasicConstraints,
  encodeExtendedKeyUsage,
  encodeExtension,
  encodeKeyUsage,
  encodeSubjectAltName,
} from '../src/issue/encode-extensions.ts';
import { otherOids } from '../src/oids.ts';
import { craft, leafExtensions } from './crafted.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';
import { dayMs, newCa, newKey, nowMs } from './test-ca.ts';

const usages = fc.subarray(['digitalSignature', 'keyAgreement', 'keyCertSign', 'cRLSign'] as const, {
  minLength: 1,
});
const purposes = fc.subarray([otherOids.clientAuth, otherOids.serverAuth, otherOids.anyExtendedKeyUsage], {
  minLength: 1,
});
/** The acceptable value most of the time, so that certificates with few flaws, or none, are common. */
function mostly<Value>(good: Value, any: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
  return fc.oneof({ weight: 7, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: any });
}

const extras = [
  encodeExtension('1.2.3.5', sequence()),
  encodeSubjectAltName([{ kind: 'dns', value: 'a.example' }]),
  encodeExtension('1.2.3.4', sequence(), true),
  encodeBasicConstraints(undefined),
];
const leafParts = fc.record({
  usages: fc.option(fc.oneof(fc.constant(['digitalSignature'] as const), usages)),
  purposes: mostly([otherOids.clientAuth], purposes),
  ids: mostly([2, 3], fc.subarray([2, 3])),
  extra: fc.oneof(fc.subarray(extras.slice(0, 2)), fc.subarray(extras)),
  serial: mostly('41', fc.constantFrom('00', '81', '7f'.repeat(20), '7f'.repeat(21))),
  version: mostly(2, fc.constant(1)),
  named: mostly(true, fc.boolean()),
  startMs: mostly(nowMs - dayMs, fc.constant(nowMs + dayMs)),
  endMs: mostly(nowMs + 2 * dayMs, fc.constant(nowMs - dayMs)),
});

interface ValidPath {
  readonly name: string;
  readonly leaf: string;
  readonly untrusted: readonly string[];
  readonly roots: readonly string[];
}

const vectors = new URL('../../../conformance/vectors/x509/valid/paths.json', import.meta.url);
const validPaths: readonly ValidPath[] = JSON.parse(readFileSync(vectors, 'utf8')).cases;

withOpenssl.describe('what we accept', () => {
  const folder = opensslFolder();
  afterAll(() => folder[Symbol.dispose]());

  it('openssl accepts too, in its strict mode, for every mixture of marks on a leaf', async () => {
    const ca = await newCa();
    const key = newKey();
    folder.write('root.pem', encodePem('CERTIFICATE', ca.root.der));
    folder.write('issuing.pem', encodePem('CERTIFICATE', ca.issuing.der));
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(leafParts, async (parts) => {
        const ids = leafExtensions(key, ca.issuingKey);
        const made = craft({
          issuerName: ca.issuing.subject,
          issuerKey: ca.issuingKey,
          key,
          subject: makeName(parts.named ? [['commonName', 'x']] : []),
          serial: fromHex(parts.serial),
          version: parts.version,
          notBeforeMs: parts.startMs,
          notAfterMs: parts.endMs,
          extensions: [
            ...(parts.usages === null ? [] : [encodeKeyUsage(parts.usages)]),
            encodeExtendedKeyUsage(parts.purposes),
            ...ids.filter((_, index) => parts.ids.includes(index)),
            ...parts.extra,
          ],
        });
        const leaf = await made.catch((error: unknown) => {
          if (error instanceof PkiError) return undefined;
          throw error;
        });
        if (leaf === undefined || !isAccepted(leaf.der)) return;
        accepted++;
        folder.write('leaf.pem', encodePem('CERTIFICATE', leaf.der));
        expect(folder.try(...verifyArgs, 'leaf.pem')).toMatchObject({ ok: true });
      }),
      { numRuns: 200 },
    );
    expect(accepted).toBeGreaterThan(0);

    function isAccepted(der: Uint8Array): boolean {
      const input = {
        untrusted: [ca.issuing],
        roots: [ca.root],
        atMs: nowMs,
        purpose: 'clientAuth',
      } as const;
      return validatePath({ leaf: parseCertificate(der), ...input }).kind === 'accepted';
    }
  });

  const chain = ['-CAfile', 'root.pem', '-untrusted', 'issuing.pem'];
  const verifyArgs = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslclient',
    '-attime',
    `${nowMs / 1000}`,
    ...chain,
  ];

  it.each(validPaths)('openssl accepts too: $name', ({ leaf, untrusted, roots }) => {
    const pem = (ders: readonly string[]) =>
      ders.map((der) => encodePem('CERTIFICATE', fromHex(der))).join('');
    folder.write('path-leaf.pem', pem([leaf]));
    folder.write('path-untrusted.pem', pem(untrusted));
    folder.write('path-roots.pem', pem(roots));
    const at = ['-x509_strict', '-purpose', 'sslclient', '-attime', `${nowMs / 1000}`];
    const chain = [
      '-CAfile',
      'path-roots.pem',
      ...(untrusted.length > 0 ? ['-untrusted', 'path-untrusted.pem'] : []),
    ];
    expect(folder.run('verify', ...at, ...chain, 'path-leaf.pem')).toContain('OK');
  });
});
