import type { DerReader } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readOid, readSmallInteger } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';

/**
 * Policies as dotted object identifiers (RFC 5280 §4.2.1.4). Whoever requires none, as we do, processes them by looking at their
 * form: only policyConstraints can make a path fail by them, and those are not understood here.
 */
export function readCertificatePolicies(value: DerReader): readonly string[] {
  const what = 'certificatePolicies';
  const list = value.enter(tags.sequence, what);
  const policies: string[] = [];
  do {
    const information = list.enter(tags.sequence, what);
    const policy = readOid(information, what);
    if (policies.includes(policy) || policies.length >= limits.generalNamesMax)
      throw new PkiError(
        'pki.certificate',
        `the policy \`${policy}\` is given twice or one too many (RFC 5280 section 4.2.1.4)`,
      );
    policies.push(policy);
    if (!information.done) skipQualifiers(information.enter(tags.sequence, what));
    information.end(what);
  } while (!list.done);
  return policies;
}

function skipQualifiers(qualifiers: DerReader): void {
  do {
    const qualifier = qualifiers.enter(tags.sequence, 'a policy qualifier');
    readOid(qualifier, 'a policy qualifier');
    qualifier.any('a policy qualifier');
    qualifier.end('a policy qualifier');
  } while (!qualifiers.done);
}

/** RFC 5280 §4.2.1.14. */
export function readInhibitAnyPolicy(value: DerReader): number {
  return readSmallInteger(value, 'inhibitAnyPolicy');
}
