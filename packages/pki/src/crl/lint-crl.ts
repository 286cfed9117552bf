import { PkiError } from '../errors.ts';
import { nameFindings } from '../names/name-rules.ts';
import { parseTbsCrl, type TbsCrl } from './crl.ts';

const dayMs = 86_400_000;
const clockFloorMs = Date.UTC(2020, 0, 1);
const lifetimeDaysMax = 400;

/** Judges the to-be-signed bytes of a CRL on their own (RFC 5280 §5). Throws `pki.lint` with `details.findings`. */
export function lintTbsCrl(tbs: Uint8Array): void {
  const findings = [...crlFindings(parseForLint(tbs))];
  if (findings.length === 0) return;
  throw new PkiError('pki.lint', `not a CRL to sign: ${findings.join('; ')}`, { details: { findings } });
}

function parseForLint(tbs: Uint8Array): TbsCrl {
  try {
    return parseTbsCrl(tbs);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new PkiError('pki.lint', `not a CRL to sign: ${cause.message}`, {
      cause,
      details: { findings: [cause.message] },
    });
  }
}

function* crlFindings(crl: TbsCrl): Iterable<string> {
  yield* nameFindings(crl.issuer, 'the issuer');
  if (crl.signatureAlgorithm.kind === 'unsupported') yield crl.signatureAlgorithm.reason;
  if (crl.thisUpdateMs < clockFloorMs) yield 'thisUpdate is before 2020: the clock is wrong';
  if (crl.nextUpdateMs <= crl.thisUpdateMs) yield 'nextUpdate is not after thisUpdate';
  if (crl.nextUpdateMs - crl.thisUpdateMs > lifetimeDaysMax * dayMs)
    yield `valid for more than ${lifetimeDaysMax} days`;
  if (crl.authorityKeyId.keyId === undefined) yield 'no authority key identifier (RFC 5280 section 5.2.1)';
  if (crl.unknownCritical.length > 0) yield `the critical extensions \`${crl.unknownCritical.join(' ')}\``;
  yield* entryFindings(crl);
}

function* entryFindings({ revoked, thisUpdateMs }: TbsCrl): Iterable<string> {
  for (const [serial, { revokedAtMs, reason }] of revoked) {
    if (revokedAtMs > thisUpdateMs) yield `\`${serial}\` is revoked after thisUpdate`;
    if (reason === 'removeFromCRL') yield `\`${serial}\`: removeFromCRL belongs in delta CRLs only`;
    if (serial.startsWith('-')) yield `\`${serial}\` is a negative serial number`;
  }
}
