import { equalBytes } from '@fleetward/core';
import { type Certificate, isSelfIssued, type KeyRules, validateCa } from '@fleetward/pki';
import type { Authorities } from './authorities.ts';
import { type CaKeys, caKeyOf } from './ca-requests.ts';
import { CertificatesError } from './errors.ts';
import type { AuthorityRecord } from './store.ts';

export interface ImportParts {
  readonly keys: CaKeys;
  readonly authorities: Authorities;
  readonly nowMs: number;
  readonly keyRules: KeyRules;
  /** CAs of others, whose devices come in here by what they issue. */
  readonly strangers: readonly Certificate[];
}

/**
 * What the certificates of a file become: a root, an issuing CA whose key the signing process holds, or a cross-certificate, which
 * certifies the key of a root that is known by another root. Those that are there already are left out. Throws `certificates.ca_refused`.
 */
export async function importedCas(
  certificates: readonly Certificate[],
  { keys, authorities, nowMs, keyRules, strangers }: ImportParts,
): Promise<readonly AuthorityRecord[]> {
  assertNotRemoved(certificates, authorities);
  const named = new Map(certificates.map((certificate) => [certificate.id, certificate]));
  const fresh = [...named.values()].filter(({ id }) => authorities.find(id) === undefined);
  for (const ca of fresh) assertNoStranger(ca, strangers);
  const trust = authorities.trust();
  const roots = [...trust.roots, ...fresh.filter(isSelfIssued)];
  const untrusted = [...trust.issuers, ...fresh.filter((certificate) => !isSelfIssued(certificate))];
  return Promise.all(
    fresh.map(async (ca) => {
      const outcome = validateCa({ ca, untrusted, roots, atMs: nowMs, keyRules });
      if (outcome.kind !== 'accepted')
        throw refused(ca, outcome.kind === 'refused' ? outcome.reason : 'expired');
      const role = await roleOf(ca, { keys, authorities, roots, fresh });
      return { certificateId: ca.id, der: ca.der, state: 'active', createdAtMs: nowMs, ...role } as const;
    }),
  );
}

async function roleOf(
  ca: Certificate,
  {
    keys,
    authorities,
    roots,
    fresh,
  }: Pick<ImportParts, 'keys' | 'authorities'> & Readonly<Record<'roots' | 'fresh', readonly Certificate[]>>,
): Promise<Pick<AuthorityRecord, 'kind' | 'keyName'>> {
  if (isSelfIssued(ca)) return { kind: 'root', keyName: '' };
  if (roots.some((root) => isSameCa(root, ca))) return { kind: 'cross', keyName: '' };
  const keyName = await caKeyOf(ca.publicKey.spki, keys);
  if (keyName !== undefined) {
    // The CRLs of two CAs of one name or key would speak for each other, and say `good` of what the other revoked.
    const twin = [...authorities.all().map(({ certificate }) => certificate), ...fresh].find(
      (other) => other.id !== ca.id && (isKeyed(other, ca) || isNamed(other, ca)),
    );
    if (twin === undefined) return { kind: 'issuing', keyName };
    throw refused(ca, `\`${twin.id}\` has its name or its key already: request another one`);
  }
  throw refused(
    ca,
    'its key is neither that of a root known here nor one of this platform (`fleetward ca request-intermediate`)',
  );
}

function isNamed(one: Certificate, other: Certificate): boolean {
  return equalBytes(one.subject.der, other.subject.der);
}

function isKeyed(one: Certificate, other: Certificate): boolean {
  return equalBytes(one.publicKey.spki, other.publicKey.spki);
}

/** Name and key make a CA, whatever certifies them. */
function isSameCa(one: Certificate, other: Certificate): boolean {
  return isNamed(one, other) && isKeyed(one, other);
}

function assertNotRemoved(certificates: readonly Certificate[], authorities: Authorities): void {
  for (const ca of certificates)
    if (authorities.find(ca.id)?.state === 'removed') throw refused(ca, 'it was removed, which is for ever');
}

/** What one of them issued would pass for ours. */
function assertNoStranger(ca: Certificate, strangers: readonly Certificate[]): void {
  const same = strangers.find((other) => isKeyed(other, ca) || isNamed(other, ca));
  if (same === undefined) return;
  throw refused(
    ca,
    `the vendor CA \`${same.id}\` has its name or its key, and nobody is a vendor and this platform at once (\`fleetward vendor-ca deactivate\` and \`delete\` end that)`,
  );
}

function refused(ca: Certificate, why: string): CertificatesError {
  return new CertificatesError(
    'certificates.ca_refused',
    `\`${ca.subject.text}\` cannot be imported: ${why}`,
    {
      details: { certificateId: ca.id },
    },
  );
}
