import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, parseCertificateId, type Sha256, toBase64, toHex } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  entryHash,
  isConsistent,
  isIncluded,
  isTreeHeadSigned,
  nodeHash,
  TreeRoot,
  treeHeadMessage,
  verifyIssuanceProof,
} from '../src/index.ts';

const vectors = join(import.meta.dirname, '../../../conformance/vectors/issuance-log');

function vectorsIn(folder: string): readonly { readonly name: string; readonly vector: never }[] {
  return readdirSync(join(vectors, folder)).map((name) => ({
    name,
    vector: JSON.parse(readFileSync(join(vectors, folder, name), 'utf8')) as never,
  }));
}

interface Tree {
  readonly leaves: readonly string[];
  readonly roots: readonly string[];
  readonly inclusion: readonly {
    readonly index: number;
    readonly size: number;
    readonly path: readonly string[];
  }[];
  readonly consistency: readonly {
    readonly from: number;
    readonly to: number;
    readonly path: readonly string[];
  }[];
}

const leafOf = (hex: string) => createHash('sha256').update(Uint8Array.of(0)).update(fromHex(hex)).digest();

describe('the vectors', () => {
  test.for(vectorsIn('valid'))('$name: every root is reached, every proof holds', ({ vector }) => {
    const { leaves, roots, inclusion, consistency } = vector as Tree;
    const tree = new TreeRoot();
    const reached = leaves.map((leaf) => {
      tree.append(leafOf(leaf));
      return toHex(tree.root());
    });
    expect(reached).toEqual(roots);
    const rootOf = (size: number) => fromHex(roots[size - 1]!);
    for (const { index, size, path } of inclusion) {
      const proof = {
        leaf: leafOf(leaves[index]!),
        index,
        size,
        path: path.map(fromHex),
        root: rootOf(size),
      };
      expect(isIncluded(proof), `leaf ${index} of ${size}`).toBe(true);
    }
    for (const { from, to, path } of consistency) {
      const proof = { from: { size: from, root: rootOf(from) }, to: { size: to, root: rootOf(to) } };
      expect(isConsistent({ ...proof, path: path.map(fromHex) }), `${from} to ${to}`).toBe(true);
    }
  });

  test.for(vectorsIn('invalid'))('$name: no proof holds', ({ vector }) => {
    const { inclusion, consistency } = vector as {
      readonly inclusion: readonly {
        readonly leaf: string;
        readonly index: number;
        readonly size: number;
        readonly path: readonly string[];
        readonly root: string;
        readonly why: string;
      }[];
      readonly consistency: readonly {
        readonly from: { readonly size: number; readonly root: string };
        readonly to: { readonly size: number; readonly root: string };
        readonly path: readonly string[];
        readonly why: string;
      }[];
    };
    for (const { leaf, index, size, path, root, why } of inclusion) {
      const proof = { leaf: leafOf(leaf), index, size, path: path.map(fromHex), root: fromHex(root) };
      expect(isIncluded(proof), why).toBe(false);
    }
    for (const { from, to, path, why } of consistency) {
      const ends = {
        from: { ...from, root: fromHex(from.root) },
        to: { ...to, root: fromHex(to.root) },
      };
      expect(isConsistent({ ...ends, path: path.map(fromHex) }), why).toBe(false);
    }
  });
});

describe('a proof of issuance', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const idOf = (label: string) => parseCertificateId(createHash('sha256').update(label).digest('hex'));
  const [first, second] = [
    { index: 0, at: 1_000, certificateId: idOf('first') },
    { index: 1, at: 2_000, certificateId: idOf('second') },
  ] as const;
  const headOver = (size: number, root: Uint8Array) => {
    const statement = { size, rootHash: toHex(root) as Sha256, at: 3_000 };
    return { ...statement, signature: toBase64(sign(null, treeHeadMessage(statement), privateKey)) };
  };
  const head = headOver(2, nodeHash(entryHash(first), entryHash(second)));
  const proof = { entry: second, path: [toHex(entryHash(first)) as Sha256], head };
  const trust = { publicKey: spki, certificateId: second.certificateId };

  test('is proven by the key, the certificate and the path together', () => {
    expect(verifyIssuanceProof(proof, trust)).toEqual({ kind: 'proven' });
  });

  test('is refused for another certificate, another key, another time and another root', () => {
    const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' });
    const refused = { kind: 'refused' };
    expect(verifyIssuanceProof(proof, { ...trust, certificateId: first.certificateId })).toMatchObject(
      refused,
    );
    expect(verifyIssuanceProof(proof, { ...trust, publicKey: new Uint8Array(other) })).toMatchObject(refused);
    expect(verifyIssuanceProof({ ...proof, entry: { ...second, at: 2_001 } }, trust)).toMatchObject(refused);
    expect(verifyIssuanceProof({ ...proof, head: { ...head, size: 3 } }, trust)).toMatchObject(refused);
  });

  test('goes on from a known head, and not from one that was rewritten', () => {
    const known = { size: 1, rootHash: toHex(entryHash(first)) as Sha256 };
    const grown = { ...proof, consistency: [toHex(entryHash(second)) as Sha256] };
    expect(verifyIssuanceProof(grown, { ...trust, known })).toEqual({ kind: 'proven' });
    const rewritten = { size: 1, rootHash: toHex(entryHash(second)) as Sha256 };
    expect(verifyIssuanceProof(grown, { ...trust, known: rewritten })).toMatchObject({ kind: 'refused' });
    expect(verifyIssuanceProof(proof, { ...trust, known })).toMatchObject({ kind: 'refused' });
  });

  test('is refused, not failed at, where its signature is no base64', () => {
    const signature = head.signature.replace(/^./, '-');
    expect(verifyIssuanceProof({ ...proof, head: { ...head, signature } }, trust)).toMatchObject({
      kind: 'refused',
    });
  });

  test('whatever a head says, a changed byte of it has no signature', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 }), fc.integer({ min: 1, max: 1_000_000 }), (field, difference) => {
        const changed = [
          { ...head, size: head.size + difference },
          { ...head, at: head.at + difference },
          { ...head, rootHash: toHex(entryHash({ ...first, at: difference })) as Sha256 },
        ][field]!;
        expect(isTreeHeadSigned(changed, spki)).toBe(false);
      }),
    );
  });
});
