import { openDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { sequence } from '../der/writer.ts';
import type { Certificate } from './certificate.ts';

/** The certificate with another SubjectPublicKeyInfo in it, in DER; its signature does not fit. */
export function withPublicKey({ der, tbs, publicKey }: Certificate, spki: Uint8Array): Uint8Array {
  const what = 'the certificate';
  const fields = openDer(tbs, tbs.length).content(tags.sequence, what);
  const at = publicKey.spki.byteOffset - fields.byteOffset;
  const changed = sequence(fields.subarray(0, at), spki, fields.subarray(at + publicKey.spki.length));
  return sequence(changed, openDer(der, der.length).content(tags.sequence, what).subarray(tbs.length));
}
