import { join } from 'node:path';
import type { CertificateId } from '@fleetward/core';
import { parseKeyName } from '@fleetward/keys';
import type { Certificate } from '@fleetward/pki';
import { type CertificateAttachments, Certificates } from './certificates/index.ts';
import type { DomainParts } from './domains.ts';
import type { IssuanceLog } from './issuance-log/index.ts';
import { keyRulesOf } from './key-rules.ts';
import { signingKeys } from './signing-keys.ts';
import type { Trail } from './trail/index.ts';

/** The certificates of the platform and its CAs, as the settings want them. */
export function openCertificates(
  parts: DomainParts,
  others: {
    readonly trail: Trail;
    readonly issuanceLog: IssuanceLog;
    readonly changed: (certificateId: CertificateId) => void;
    readonly attachmentsOf: (certificateId: CertificateId) => CertificateAttachments;
    readonly vendorCas: () => readonly Certificate[];
  },
): Promise<Certificates> {
  const { config, clock, random, storage, signing, crlUrl, ocspUrl, announce, warn } = parts;
  return Certificates.open({
    store: storage.stores.certificates,
    transactor: storage.transactor,
    ...others,
    clock,
    random,
    signer: (keyName) => signing.signer(parseKeyName(keyName)),
    caKeys: {
      find: (keyName) => signing.findSigner(parseKeyName(keyName)),
      generate: (keyName, kind) =>
        signing.generate({ name: parseKeyName(keyName), purpose: signingKeys.issuingCa.purpose, ...kind }),
    },
    keyRules: keyRulesOf(config),
    journalPath: join(config.folder, 'revocations.jsonl'),
    crlUrl,
    ocspUrl,
    announce,
    warn,
    settings: config.certificates,
  });
}
