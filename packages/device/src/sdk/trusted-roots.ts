import { equalBytes } from '@fleetward/core';
import { type Certificate, encodePem, isSelfIssued, parseCertificatesPem, validateCa } from '@fleetward/pki';
import { DeviceError } from '../errors.ts';
import { readCertificates, unexpectedAnswer } from './est-answer.ts';
import { requestEst } from './est-request.ts';
import type { DeviceIdentity } from './identity.ts';

interface Fetch {
  readonly url: string;
  readonly timeoutMs: number;
  readonly atMs: number;
}

/**
 * The roots to trust from here on, by what the platform says of its CAs (RFC 7030 §4.1.3) over a connection that what is trusted now has
 * verified. A root it has no more is forgotten only once the platform was reached without it.
 */
export async function fetchRoots(
  identity: DeviceIdentity,
  { url, timeoutMs, atMs }: Fetch,
): Promise<readonly Certificate[]> {
  const trusted = parseCertificatesPem(identity.root);
  const client = { cert: identity.chain, key: identity.key };
  const fetchBy = (roots: readonly Certificate[]) => fetchCas({ url, timeoutMs, client, roots });
  const next = nextRoots(await fetchBy(trusted), { trusted, atMs });
  if (trusted.every((root) => next.some(sameAs(root)))) return next;
  if (next.length > 0 && (await isReached(() => fetchBy(next)))) return next;
  return [...trusted, ...next.filter((root) => !trusted.some(sameAs(root)))];
}

/** Of the roots in the answer those that are trusted, and those whose key a trusted one has certified. */
export function nextRoots(
  answer: readonly Certificate[],
  { trusted, atMs }: { readonly trusted: readonly Certificate[]; readonly atMs: number },
): readonly Certificate[] {
  const isVouchedFor = (root: Certificate) =>
    answer.some(
      (cross) =>
        !isSelfIssued(cross) &&
        equalBytes(cross.subject.der, root.subject.der) &&
        equalBytes(cross.publicKey.spki, root.publicKey.spki) &&
        validateCa({ ca: cross, untrusted: answer, roots: trusted, atMs }).kind === 'accepted',
    );
  return answer.filter(
    (root) =>
      isSelfIssued(root) &&
      (trusted.some(sameAs(root)) ||
        (validateCa({ ca: root, untrusted: [], roots: [], atMs }).kind === 'accepted' && isVouchedFor(root))),
  );
}

interface FetchBy extends Omit<Fetch, 'atMs'> {
  readonly client: { readonly cert: string; readonly key: string };
  readonly roots: readonly Certificate[];
}

async function fetchCas({ roots, ...request }: FetchBy): Promise<readonly Certificate[]> {
  const answer = await requestEst({ ...request, operation: 'cacerts', root: rootsPem(roots) });
  if (answer.status === 200) return readCertificates(answer);
  throw unexpectedAnswer(`\`${request.url}\` answered ${answer.status} for its CA certificates`);
}

async function isReached(fetch: () => Promise<unknown>): Promise<boolean> {
  try {
    await fetch();
    return true;
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return false;
  }
}

export function rootsPem(roots: readonly Certificate[]): string {
  return roots.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
}

function sameAs(one: Certificate): (other: Certificate) => boolean {
  return (other) => equalBytes(one.der, other.der);
}
