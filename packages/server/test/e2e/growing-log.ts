import { fromHex, parseSha256 } from '@fleetward/core';
import {
  getIssuanceLogConsistency,
  getIssuanceLogHead,
  isConsistent,
  isTreeHeadSigned,
  listCas,
  listIssuanceLogEntries,
} from '@fleetward/protocol';
import { expect } from 'vitest';
import type { ApiSession } from './api-session.ts';

/** The issuance log as an auditor watches it over restarts: what it once had signed must stay in it. */
export class GrowingLog {
  readonly #session: ApiSession;
  /** Of the empty tree any tree is a continuation. */
  #known: { readonly size: number; readonly root: Uint8Array } = { size: 0, root: new Uint8Array() };

  constructor(session: ApiSession) {
    this.#session = session;
  }

  /** Fails the test unless the log has each of these certificates and each CA once, nothing else, and goes on from where it was. */
  async assertHas(certificateIds: readonly unknown[]): Promise<void> {
    const { api } = this.#session;
    // Its head has all that was issued before it was asked for.
    const { publicKey } = await api.call(getIssuanceLogHead);
    const query = { size: this.#known.size };
    const { path, head } = await api.call(getIssuanceLogConsistency, { query });
    const signed = { ...head, rootHash: parseSha256(head.rootHash) };
    expect(isTreeHeadSigned(signed, Buffer.from(publicKey, 'base64'))).toBe(true);
    const to = { size: head.size, root: fromHex(head.rootHash) };
    expect(isConsistent({ from: this.#known, to, path: path.map(fromHex) })).toBe(true);
    this.#known = to;
    const { entries } = await api.call(listIssuanceLogEntries, { query: { limit: 1000 } });
    const logged = entries.map(({ certificateId }) => certificateId);
    const { cas } = await api.call(listCas);
    const issued = [...cas.map(({ certificateId }) => certificateId), ...certificateIds];
    expect(logged.toSorted()).toEqual(issued.map(String).toSorted());
  }
}
