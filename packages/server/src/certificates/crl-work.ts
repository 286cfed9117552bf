import type { SignerAlgorithm } from '@fleetward/core';
import { assembleCrl, buildTbsCrl, parseCertificate, parseCrl } from '@fleetward/pki';
import type { RevocationsTaken } from './revocation-list.ts';
import { revocationsIn } from './revocation-records.ts';
import { belongsOnCrl } from './rules.ts';

interface BuildTask {
  readonly list: RevocationsTaken;
  readonly issuerDer: Uint8Array;
  readonly algorithm: SignerAlgorithm;
  readonly number: number;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
}

export type BuildAnswer =
  | { readonly kind: 'built'; readonly tbs: Uint8Array<ArrayBuffer> }
  /** The records do not come to as many revocations as there are. */
  | { readonly kind: 'differs'; readonly found: number };

interface SealTask {
  readonly tbs: Uint8Array<ArrayBuffer>;
  readonly issuerDer: Uint8Array;
  readonly algorithm: SignerAlgorithm;
  readonly signature: Uint8Array;
}

interface StaleTask {
  readonly der: Uint8Array;
  readonly list: RevocationsTaken;
  readonly nowMs: number;
  readonly validityMs: number;
}

/** All of a CRL that takes the longer the more is revoked; each takes and gives plain data. */
export const crlWork = { build, seal, isStale };

export type CrlWork = typeof crlWork;

/** What the issuer is to sign. */
function build(task: BuildTask): BuildAnswer {
  const { list, number, thisUpdateMs, nextUpdateMs } = task;
  const revoked = revocationsIn(list.records);
  if (revoked.count !== list.revoked) return { kind: 'differs', found: revoked.count };
  const content = {
    issuer: parseCertificate(task.issuerDer),
    number: BigInt(number),
    thisUpdateMs,
    nextUpdateMs,
    revoked: revoked.each().filter((one) => belongsOnCrl(one, thisUpdateMs, nextUpdateMs - thisUpdateMs)),
  };
  return { kind: 'built', tbs: new Uint8Array(buildTbsCrl(content, task.algorithm)) };
}

/** The CRL, in shared memory: the database thread and sockets that are given it copy nothing. Throws `pki.issue` for a wrong signature. */
function seal({ tbs, issuerDer, algorithm, signature }: SealTask): Uint8Array {
  const der = assembleCrl(tbs, { issuer: parseCertificate(issuerDer), algorithm, signature });
  const shared = new Uint8Array(new SharedArrayBuffer(der.length));
  shared.set(der);
  return shared;
}

/** It lacks a revocation or its reason, or still names a hold that was lifted. */
function isStale({ der, list, nowMs, validityMs }: StaleTask): boolean {
  const { revoked } = parseCrl(der);
  let held = 0;
  for (const one of revocationsIn(list.records).each()) {
    if (!belongsOnCrl(one, nowMs, validityMs)) continue;
    if (revoked.get(one.serial)?.reason !== one.reason) return true;
    if (one.reason === 'certificateHold') held++;
  }
  const holds = revoked.values().filter(({ reason }) => reason === 'certificateHold');
  return holds.reduce((count) => count + 1, 0) > held;
}
