import { readExtension } from '../certificate/extensions.ts';
import { revocationReasonOf } from '../crl/revocation-reason.ts';
import { type DerReader, openDer } from '../der/reader.ts';
import { contextConstructed, contextPrimitive, tags } from '../der/tags.ts';
import { readGeneralizedTime } from '../der/time.ts';
import { readSmallInteger } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { otherOids } from '../oids.ts';
import { readCertId } from './cert-id.ts';

const dayMs = 86_400_000;
const clockFloorMs = Date.UTC(2020, 0, 1);
const lifetimeDaysMax = 8;
const keyHashBytes = 20;

/**
 * Judges the to-be-signed bytes of an OCSP answer on their own (RFC 6960 §4.2): good or revoked, for some days at most, and nothing
 * else in them. Throws `pki.lint`.
 */
export function lintTbsOcsp(tbs: Uint8Array): void {
  try {
    judge(tbs);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new PkiError('pki.lint', `not an OCSP answer to sign: ${cause.message}`, {
      cause,
      details: { findings: [cause.message] },
    });
  }
}

function judge(bytes: Uint8Array): void {
  const outer = openDer(bytes, limits.ocspResponseBytesMax);
  const data = outer.enter(tags.sequence, 'the response data');
  outer.end('the response data');
  const responder = data.enter(contextConstructed(2), 'the responder');
  if (responder.content(tags.octetString, "the responder's key hash").length !== keyHashBytes)
    refuse('the responder is not named by the SHA-1 of its key');
  responder.end('the responder');
  const producedAtMs = readGeneralizedTime(data, 'producedAt');
  if (producedAtMs < clockFloorMs) refuse('producedAt is before 2020: the clock is wrong');
  const responses = data.enter(tags.sequence, 'the responses');
  let count = 0;
  for (; !responses.done; count++) judgeSingle(responses.enter(tags.sequence, 'a response'), producedAtMs);
  if (count < 1 || count > limits.ocspCertificatesMax) refuse(`it answers for ${count} certificates`);
  if (!data.done) judgeExtensions(data.enter(contextConstructed(1), 'the extensions'));
  data.end('the response data');
}

function judgeSingle(single: DerReader, producedAtMs: number): void {
  readCertId(single);
  judgeStatus(single, producedAtMs);
  const thisUpdateMs = readGeneralizedTime(single, 'thisUpdate');
  const explicit = single.enter(contextConstructed(0), 'nextUpdate');
  const nextUpdateMs = readGeneralizedTime(explicit, 'nextUpdate');
  explicit.end('nextUpdate');
  single.end('a response');
  if (thisUpdateMs !== producedAtMs) refuse('thisUpdate is not producedAt');
  if (nextUpdateMs <= thisUpdateMs) refuse('nextUpdate is not after thisUpdate');
  if (nextUpdateMs - thisUpdateMs > lifetimeDaysMax * dayMs)
    refuse(`good for more than ${lifetimeDaysMax} days`);
}

function judgeStatus(single: DerReader, producedAtMs: number): void {
  if (single.peekTag() === contextPrimitive(0)) {
    if (single.content(contextPrimitive(0), 'good').length > 0) refuse('`good` has content');
    return;
  }
  const revoked = single.enter(contextConstructed(1), 'the status, good or revoked');
  if (readGeneralizedTime(revoked, 'the time of revocation') > producedAtMs)
    refuse('it was revoked after producedAt');
  if (!revoked.done) {
    const explicit = revoked.enter(contextConstructed(0), 'the reason');
    const reason = readSmallInteger(explicit, 'the reason', tags.enumerated);
    explicit.end('the reason');
    if (revocationReasonOf(reason) === undefined) refuse(`the reason \`${reason}\` does not exist`);
  }
  revoked.end('the status');
}

function judgeExtensions(explicit: DerReader): void {
  const list = explicit.enter(tags.sequence, 'the extensions');
  explicit.end('the extensions');
  const { oid, value } = readExtension(list);
  list.end('the extensions, of which there is one');
  if (oid !== otherOids.ocspNonce || value.length > 131) refuse(`the extension \`${oid}\``);
}

function refuse(why: string): never {
  throw new PkiError('pki.ocsp', why);
}
