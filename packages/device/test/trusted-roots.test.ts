import { type Certificate, issueCertificate } from '@fleetward/pki';
import { expect, test } from 'vitest';
import { nextRoots } from '../src/sdk/trusted-roots.ts';
import { random, TestAuthority } from './test-authority.ts';

const atMs = Date.now();
const [old, next, stranger] = await Promise.all(
  ['Old', 'Next', 'Stranger'].map((name) => TestAuthority.create(name)),
);

/** The key of a root, certified by another. */
function cross({ root }: TestAuthority, by: TestAuthority): Promise<Certificate> {
  return issueCertificate({
    profile: 'cross-ca',
    issuer: by.root,
    subject: root.subject,
    publicKey: root.publicKey,
    notBeforeMs: atMs - 1_000,
    notAfterMs: atMs + 3_600_000,
    signer: by.signer,
    random,
  });
}

test('a root is believed that is trusted already, or whose key a trusted one has certified, and no other', async () => {
  const byOld = await cross(next!, old!);
  const trusted = [old!.root];
  const of = (...answer: readonly Certificate[]) => nextRoots(answer, { trusted, atMs });
  expect(of(old!.root, next!.root, byOld)).toEqual([old!.root, next!.root]);
  expect(of(next!.root, byOld), 'the old one is gone').toEqual([next!.root]);
  expect(of(old!.root, next!.root), 'nobody vouches for it').toEqual([old!.root]);
  expect(of(old!.root, stranger!.root, byOld), 'not for this one').toEqual([old!.root]);
  expect(of(next!.root, await cross(next!, stranger!), stranger!.root), 'a stranger vouches').toEqual([]);
  expect(of(byOld), 'a cross-certificate is no root').toEqual([]);
});

test('a cross-certificate that has ended vouches for nothing', async () => {
  const byOld = await cross(next!, old!);
  const later = { trusted: [old!.root], atMs: atMs + 7_200_000 };
  expect(nextRoots([next!.root, byOld], later)).toEqual([]);
});
