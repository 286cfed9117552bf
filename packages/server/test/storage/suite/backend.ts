import { createHash } from 'node:crypto';
import {
  type CertificateId,
  parseCertificateId,
  parseSha256,
  type Sha256,
  type Transaction,
} from '@fleetward/core';
import type { Storage, Stores } from '../../../src/storage/index.ts';

/** Makes an empty home for the records of each suite: `open` opens it, as often as it is called, `remove` takes it away. */
export type Backend = () => Promise<{ open(): Promise<Storage>; remove(): Promise<void> }>;

/** What every suite works with. */
export interface Opened {
  readonly stores: Stores;
  /** Opens the same records once more; the caller closes. */
  reopen(): Promise<Storage>;
  transact<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;
}

/** A SHA-256 to stand for something, told apart by its label. */
export function sha256Of(label: string): Sha256 {
  return parseSha256(createHash('sha256').update(label).digest('hex'));
}

export function certificateIdOf(label: string): CertificateId {
  return parseCertificateId(sha256Of(label));
}

/** How each settled, in words: the results, or the code of the error. */
export async function outcomes(promises: readonly Promise<unknown>[]): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.code));
}
