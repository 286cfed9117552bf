import type { Certificate } from '../certificate/certificate.ts';
import type { Flaw } from './outcome.ts';

const rfc = 'RFC 5280 section 4.1.2.5';

/** Both ends of the validity count as valid; times of whole seconds, so the last second is valid to its end. */
export function validityFlaw(certificate: Certificate, atMs: number): Flaw | undefined {
  const text = certificate.subject.text;
  // Written so that a time that is not a number is never valid.
  if (!(atMs >= certificate.notBeforeMs))
    return {
      code: 'not_yet_valid',
      reason: `\`${text}\` is valid from ${iso(certificate.notBeforeMs)}`,
      rfc,
    };
  if (!(atMs < certificate.notAfterMs + 1000))
    return { code: 'expired', reason: `\`${text}\` was valid until ${iso(certificate.notAfterMs)}`, rfc };
  return undefined;
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
