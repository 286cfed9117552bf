import { type CertificateId, parseThingName, type Transactor } from '@fleetward/core';
import { startSigningProcess } from '@fleetward/keys';
import { type Csr, checkCsrAside, parseCsr } from '@fleetward/pki';
import { type Certificates, noEffect, publicKeyHash } from './certificates/index.ts';
import type { Config } from './config.ts';
import { openDomains } from './domains.ts';
import { servingPurposes } from './signing-keys.ts';
import { signingOptions } from './signing-process.ts';
import { lockFolder, openStorage } from './storage/index.ts';
import { storageConfig } from './storage-config.ts';
import type { PlatformParts } from './wiring.ts';

/** The CA of an initialised platform without its listeners, for `npm run bench -- --only issue --only crl`. */
export interface IssuanceAlone {
  readonly issuerId: CertificateId;
  /** From DER CSRs, whose common names are things, to records that are durable. Throws for one that is refused. */
  issue(csrs: readonly Uint8Array[]): Promise<void>;
  /** Signs the CRL if it is past half of its life, and answers the bytes of the one in force. Throws what made it fail. */
  refreshCrl(): Promise<number>;
  /** The process that signs. */
  readonly signingPid: number;
  close(): Promise<void>;
}

export async function openIssuanceAlone(config: Config, parts: PlatformParts): Promise<IssuanceAlone> {
  await using opened = new AsyncDisposableStack();
  const lock = await lockFolder(config.folder);
  opened.defer(() => lock.release());
  const purposes = { signOnly: servingPurposes, log: () => undefined };
  const signing = await startSigningProcess({ ...signingOptions(config), ...purposes, ...parts });
  opened.defer(() => signing.close());
  const storage = await openStorage(storageConfig(config));
  opened.defer(() => storage.close());
  const { certificates, policies, trail } = await openDomains({
    ...parts,
    config,
    storage,
    signing,
    crlUrl: (issuerId) => `http://localhost:8080/crl/${issuerId}.crl`,
    ocspUrl: () => 'http://localhost:8080/ocsp',
    announce: () => noEffect,
    warn: () => undefined,
  });
  opened.defer(() => trail.close());
  opened.defer(() => certificates.close());
  opened.defer(async () => policies.close());
  const { transactor } = storage;
  const issuer = certificates.activeIssuer();
  if (issuer === undefined) throw new TypeError('the platform has no active issuing CA');
  const whole = opened.move();
  return {
    issuerId: issuer.certificateId,
    issue: (csrs) => issue(csrs, { certificates, transactor }),
    refreshCrl: async () => {
      await certificates.refreshCrls();
      return certificates.crl(issuer.certificateId)?.der.length ?? 0;
    },
    signingPid: signing.pid,
    close: () => whole.disposeAsync(),
  };
}

async function issue(
  csrDers: readonly Uint8Array[],
  { certificates, transactor }: { readonly certificates: Certificates; readonly transactor: Transactor },
): Promise<void> {
  const csrs = csrDers.map(parseCsr);
  const [verdicts, holders] = await Promise.all([
    Promise.all(csrs.map((csr) => checkCsrAside(csr, certificates.keyRules))),
    certificates.holdersOf(csrs.map(({ publicKey }) => publicKeyHash(publicKey))),
  ]);
  const refused = verdicts.find((verdict) => verdict.kind === 'refused');
  if (refused !== undefined || holders.length > 0) throw new TypeError(refused?.reason ?? 'a key is in use');
  const signed = await certificates.signAll(csrs.map(requestOf));
  await transactor.transact((tx) => certificates.recordAll(tx, signed, { kind: 'system' }));
}

function requestOf({ subject, publicKey }: Csr) {
  const commonName = parseThingName(subject.attributes.commonName?.[0]);
  return { profile: 'device', commonName, publicKey } as const;
}
