import { toHex } from '@fleetward/core';
import {
  type Certificate,
  type Csr,
  type GeneralName,
  isProfileUri,
  type KeyRules,
  type Name,
} from '@fleetward/pki';
import type { Linking } from './linking.ts';
import { type Refusal, refuse } from './refusal.ts';
import { type NoCsr, readSoundCsr } from './rules.ts';
import type { Trace } from './trace.ts';

interface AcceptedRenewal {
  readonly kind: 'accepted';
  readonly csr: Csr;
}

interface RenewalToJudge {
  readonly csrDer: Uint8Array | NoCsr;
  readonly linking: Linking;
  readonly keyRules: KeyRules;
  readonly current: Certificate;
}

/**
 * Holds a request to the certificate it renews: RFC 7030 §4.2.2 wants subject and alternative names identical. The names that the
 * profile gives may be left out, since no CSR has to ask for them.
 */
export function judgeRenewal(
  { current, ...request }: RenewalToJudge,
  trace: Trace,
): AcceptedRenewal | Refusal {
  const csr = readSoundCsr(request, trace);
  if ('kind' in csr) return csr;
  trace.begin('subject');
  const difference = differenceOf(csr, current);
  if (difference !== undefined) return refuse('subject_differs', difference);
  trace.pass(`the subject is that of certificate \`${current.id}\``);
  return { kind: 'accepted', csr };
}

function differenceOf(csr: Csr, { subject, extensions }: Certificate): string | undefined {
  if (nameKey(csr.subject) !== nameKey(subject))
    return `the CSR's subject \`${csr.subject.text}\` is not the certificate's, \`${subject.text}\` (RFC 7030 section 4.2.2)`;
  const { subjectAltName: asked = [] } = csr.requestedExtensions;
  const { subjectAltName: present = [] } = extensions;
  // Most devices know nothing of their names, and get the same again.
  if (asked.length === 0) return undefined;
  const isProfileAsked = asked.some(isProfileUri);
  if (alternativesKey(asked) !== alternativesKey(isProfileAsked ? present : otherNames(present)))
    return "the CSR's alternative names are not the certificate's (RFC 7030 section 4.2.2)";
  return undefined;
}

/** Alternative names beside those of the profile. */
export function otherNames(names: readonly GeneralName[]): readonly GeneralName[] {
  return names.filter((name) => !isProfileUri(name));
}

/** By value: one CSR generator writes a PrintableString where another writes UTF8String (RFC 5280 §7.1). */
function nameKey({ rdns }: Name): string {
  const part = ({ oid, text, valueDer }: Name['rdns'][number][number]) => [
    oid,
    text === undefined ? { der: toHex(valueDer) } : text,
  ];
  return JSON.stringify(rdns.map((parts) => parts.map(part)));
}

function alternativesKey(names: readonly GeneralName[]): string {
  return JSON.stringify(
    names.map((name) => (name.kind === 'directory' ? ['directory', nameKey(name.name)] : name)),
  );
}
