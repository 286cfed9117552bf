import {
  type CertificateId,
  type Clock,
  counted,
  type Signer,
  type Transaction,
  type Transactor,
  toBase64,
  toHex,
} from '@fleetward/core';
import {
  entryHash,
  type IssuanceLogEntry,
  isTreeHeadSigned,
  type TreeHead,
  treeHeadMessage,
} from '@fleetward/protocol';
import { IssuanceLogError } from './errors.ts';
import { grow, growthMax } from './grow.ts';
import { consistencyPath, inclusionPath, type ReadNodes, rootOf } from './merkle-tree.ts';
import type { IssuanceLogStore } from './store.ts';

export interface IssuanceLogOptions {
  readonly store: IssuanceLogStore;
  readonly transactor: Transactor;
  readonly clock: Clock;
  /** Ed25519, a key for tree heads alone. */
  readonly signer: Signer;
  readonly settings: {
    /** A head is signed again after so many seconds also when nothing was added: it says that the log still stands there. */
    readonly headSeconds: number;
  };
}

const msPerSecond = 1_000;

/** That an entry is in the tree of `head`. */
export interface InclusionProof {
  readonly entry: IssuanceLogEntry;
  readonly path: readonly Uint8Array[];
  readonly head: TreeHead;
  /** That this tree goes on from the known one, when one was named. */
  readonly consistency?: readonly Uint8Array[];
}

/**
 * Every certificate the platform issued, in an append-only Merkle tree (RFC 9162 §2.1) with signed heads. A certificate waits
 * for its entry from its own transaction on; entries are made by `sequence`, in batches.
 */
export class IssuanceLog {
  readonly #options: IssuanceLogOptions;
  readonly #read: ReadNodes;
  #head: TreeHead | undefined;
  #sequencing: Promise<unknown> = Promise.resolve();
  // Something may wait, also from before the start.
  #isDue = true;

  private constructor(options: IssuanceLogOptions, head: TreeHead | undefined) {
    const { store } = options;
    this.#options = options;
    this.#head = head;
    this.#read = async ({ level, from, count }) =>
      level === 0
        ? (await store.entries({ from, limit: count })).map(entryHash)
        : store.nodes({ level, from, count });
  }

  /**
   * Throws `issuance_log.signer_unfit`, and `issuance_log.damaged` when what is kept no longer has the root that was signed:
   * entries were changed or removed behind the platform's back.
   */
  static async open(options: IssuanceLogOptions): Promise<IssuanceLog> {
    const { signer, store } = options;
    if (signer.algorithm !== 'ed25519')
      throw new IssuanceLogError(
        'issuance_log.signer_unfit',
        `tree heads are signed with \`ed25519\`, not \`${signer.algorithm}\``,
      );
    const head = await store.newestHead();
    const log = new IssuanceLog(options, head);
    if (head !== undefined) await log.#assertStands(head);
    return log;
  }

  /** SPKI, DER: what verifies the heads. */
  get publicKey(): Uint8Array {
    return this.#options.signer.publicKey;
  }

  /** The newest signed head, from memory; nothing before the first `sequence`. */
  get head(): TreeHead | undefined {
    return this.#head;
  }

  /** Joins the transaction that issues: none is issued without waiting for its entry. */
  async pend(tx: Transaction, certificateIds: readonly CertificateId[]): Promise<void> {
    await this.#options.store.pend(tx, { certificateIds, sinceMs: this.#options.clock.now() });
    tx.afterCommit(() => {
      this.#isDue = true;
    });
  }

  /** Enters what waits and signs a head when one is due; durable when it resolves. One at a time, in order. */
  sequence(): Promise<TreeHead> {
    const next = this.#sequencing.then(() => this.#sequence());
    this.#sequencing = next.catch(() => undefined);
    return next;
  }

  /** How many wait for their entry, and since when the first. */
  waiting(): ReturnType<IssuanceLogStore['waiting']> {
    return this.#options.store.waiting();
  }

  /** Those of issued certificates that have no entry and wait for none: no transaction of this platform issued them. */
  async missing(certificateIds: readonly CertificateId[]): Promise<readonly CertificateId[]> {
    const logged = await this.#options.store.logged(certificateIds);
    return certificateIds.filter((certificateId) => !logged.has(certificateId));
  }

  /** Entries that a signed head covers, from index `from` on. */
  async entries(range: {
    readonly from: number;
    readonly limit: number;
  }): Promise<readonly IssuanceLogEntry[]> {
    const covered = (this.#head?.size ?? 0) - range.from;
    if (covered <= 0) return [];
    return this.#options.store.entries({ from: range.from, limit: Math.min(range.limit, covered) });
  }

  /**
   * In the newest head's tree, and that it goes on from the tree of `knownSize` entries. Throws `issuance_log.not_logged`, also
   * for an entry that no head covers yet, and `issuance_log.size`.
   */
  async inclusion(certificateId: CertificateId, knownSize?: number): Promise<InclusionProof> {
    const entry = await this.#options.store.find(certificateId);
    const head = this.#head;
    if (entry === undefined || head === undefined || entry.index >= head.size)
      throw new IssuanceLogError(
        'issuance_log.not_logged',
        `the issuance log has no entry for certificate \`${certificateId}\`; one that was issued a moment ago gets its entry within seconds`,
      );
    const path = await inclusionPath(this.#read, entry.index, head.size);
    if (knownSize === undefined) return { entry, path, head };
    return { entry, path, head, consistency: await this.#consistency(knownSize, head) };
  }

  /** That the newest head's tree goes on from the one with `size` entries. Throws `issuance_log.size`. */
  async consistency(
    size: number,
  ): Promise<{ readonly path: readonly Uint8Array[]; readonly head: TreeHead }> {
    const head = this.#head ?? (await this.sequence());
    return { path: await this.#consistency(size, head), head };
  }

  async #consistency(size: number, head: TreeHead): Promise<readonly Uint8Array[]> {
    if (size <= head.size) return consistencyPath(this.#read, size, head.size);
    throw new IssuanceLogError(
      'issuance_log.size',
      `the log never had ${counted(size, 'entry', 'entries')}; it has ${head.size}`,
    );
  }

  async #sequence(): Promise<TreeHead> {
    const head = this.#head;
    if (!this.#isDue && head !== undefined && this.#isFresh(head)) return head;
    this.#isDue = false;
    try {
      return await this.#grow();
    } catch (error) {
      this.#isDue = true;
      throw error;
    }
  }

  async #grow(): Promise<TreeHead> {
    for (;;) {
      const { size, added } = await this.#options.transactor.transact((tx) => grow(tx, this.#options));
      if (added === growthMax) continue;
      const head = this.#head;
      return head?.size === size && this.#isFresh(head) ? head : this.#sign(size);
    }
  }

  #isFresh({ at }: TreeHead): boolean {
    const { clock, settings } = this.#options;
    return clock.now() - at < settings.headSeconds * msPerSecond;
  }

  async #sign(size: number): Promise<TreeHead> {
    const { store, transactor, clock, signer } = this.#options;
    const root = toHex(await rootOf(this.#read, size)) as TreeHead['rootHash'];
    // Never before the head that it follows, wherever the clock went.
    const statement = { size, rootHash: root, at: Math.max(clock.now(), this.#head?.at ?? 0) };
    const signature = toBase64(await signer.sign(treeHeadMessage(statement)));
    const head = { ...statement, signature };
    await transactor.transact(async (tx) => {
      await store.saveHead(tx, head);
      tx.afterCommit(() => {
        this.#head = head;
      });
    });
    return head;
  }

  async #assertStands(head: TreeHead): Promise<void> {
    const { store, signer } = this.#options;
    const isWhole =
      isTreeHeadSigned(head, signer.publicKey) &&
      (await store.size()) >= head.size &&
      toHex(await rootOf(this.#read, head.size)) === head.rootHash;
    if (isWhole) return;
    throw new IssuanceLogError(
      'issuance_log.damaged',
      `the issuance log no longer has the root that was signed for its ${counted(head.size, 'entry', 'entries')}: some were changed or removed, or the key is another; ` +
        'restore the records from a backup, and see docs/how-to/audit-issuance.md',
    );
  }
}
