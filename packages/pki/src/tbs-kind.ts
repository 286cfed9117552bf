import { DerReader } from './der/reader.ts';
import { contextConstructed, tags } from './der/tags.ts';
import { readSmallInteger } from './der/values.ts';
import { PkiError } from './errors.ts';

export type TbsKind = 'certificate' | 'crl' | 'csr' | 'ocsp';

/**
 * What to-be-signed bytes set out to be, by their first field: an explicit version in a certificate (RFC 5280 §4.1.2.1), 1 in a CRL
 * (§5.1.2.1), 0 in a CSR (RFC 2986 §4.1), the responder's id in an OCSP answer (RFC 6960 §4.2.1). No two share one, so that a single
 * lint judges them. Nothing for anything else.
 */
export function tbsKindOf(tbs: Uint8Array): TbsKind | undefined {
  try {
    return kindAt(new DerReader(tbs, 0, tbs.length, 0).enter(tags.sequence, 'what is signed'));
  } catch (cause) {
    if (cause instanceof PkiError) return undefined;
    throw cause;
  }
}

function kindAt(fields: DerReader): TbsKind | undefined {
  switch (fields.peekTag()) {
    case contextConstructed(0):
      return 'certificate';
    case contextConstructed(1):
    case contextConstructed(2):
      return 'ocsp';
    case tags.integer:
      return versionKinds[readSmallInteger(fields, 'the version')];
    default:
      return undefined;
  }
}

const versionKinds: readonly TbsKind[] = ['csr', 'crl'];
