import type { BrokerLimits } from './limits.ts';
import type { BrokerMetrics } from './metrics.ts';

/** What one owner may take of what all share, by the name of its setting. */
export type ShareLimit =
  | 'sessionsPerOwnerMax'
  | 'storedMessagesPerOwnerMax'
  | 'storedBytesPerOwnerMax'
  | 'retainedMessagesPerOwnerMax'
  | 'retainedBytesPerOwnerMax';

/** Why a session ends with what it is owed. */
export type QueueLimit =
  | 'queuedMessagesMax'
  | 'queuedBytesMax'
  | Extract<ShareLimit, 'storedMessagesPerOwnerMax' | 'storedBytesPerOwnerMax'>;

/** A session that is counted in a share. */
export interface Holder {
  readonly owed: { readonly queue: { readonly size: number; readonly bytes: number } };
  /** Ends it with all it is owed. */
  overflow(limit: QueueLimit): void;
}

/** What the kept sessions and the retained messages of one owner take. Who changes it calls `settle` when it may be empty. */
export interface Share {
  readonly owner: string;
  readonly sessions: Set<Holder>;
  /** Messages its sessions are owed, and the bytes of all they store: a message owed to two of them counts twice. */
  storedMessages: number;
  storedBytes: number;
  /** Of the retained messages it was the last to set. */
  retainedMessages: number;
  retainedBytes: number;
}

/** What it would take more. */
export interface Demand {
  readonly messages: number;
  readonly bytes: number;
}

type Limits = Pick<BrokerLimits, ShareLimit>;

/**
 * What each owner takes, so that one who may choose client ids and topics cannot take what is there for all. What belongs to
 * nobody, the owner with the empty name, is bounded by what all may take alone.
 */
export class Shares {
  readonly #byOwner = new Map<string, Share>();
  readonly #limits: Limits;
  readonly #metrics: Pick<BrokerMetrics, 'owners'>;

  constructor(options: { readonly limits: Limits; readonly metrics: Pick<BrokerMetrics, 'owners'> }) {
    this.#limits = options.limits;
    this.#metrics = options.metrics;
  }

  of(owner: string): Share {
    const known = this.#byOwner.get(owner);
    if (known !== undefined) return known;
    const counts = { storedMessages: 0, storedBytes: 0, retainedMessages: 0, retainedBytes: 0 };
    const share = { owner, sessions: new Set<Holder>(), ...counts };
    this.#byOwner.set(owner, share);
    this.#metrics.owners = this.#byOwner.size;
    return share;
  }

  /** Forgets an owner that takes nothing any more. One share may be settled late, when its owner has another one by then. */
  settle(share: Share): void {
    const { owner, sessions, storedMessages, retainedMessages } = share;
    const isEmpty = sessions.size + storedMessages + retainedMessages === 0;
    if (isEmpty && this.#byOwner.get(owner) === share) this.#byOwner.delete(owner);
    this.#metrics.owners = this.#byOwner.size;
  }

  sessionLimit({ owner, sessions }: Share): ShareLimit | undefined {
    return owner !== '' && sessions.size >= this.#limits.sessionsPerOwnerMax
      ? 'sessionsPerOwnerMax'
      : undefined;
  }

  storedLimit(
    { owner, storedMessages, storedBytes }: Share,
    { messages, bytes }: Demand,
  ): Extract<ShareLimit, QueueLimit> | undefined {
    if (owner === '') return undefined;
    if (messages > 0 && storedMessages + messages > this.#limits.storedMessagesPerOwnerMax)
      return 'storedMessagesPerOwnerMax';
    return bytes > 0 && storedBytes + bytes > this.#limits.storedBytesPerOwnerMax
      ? 'storedBytesPerOwnerMax'
      : undefined;
  }

  /** What takes no more than it gives back is taken also where a lowered limit is already passed. */
  retainedLimit(
    { owner, retainedMessages, retainedBytes }: Share,
    { messages, bytes }: Demand,
  ): ShareLimit | undefined {
    if (owner === '') return undefined;
    if (messages > 0 && retainedMessages + messages > this.#limits.retainedMessagesPerOwnerMax)
      return 'retainedMessagesPerOwnerMax';
    return bytes > 0 && retainedBytes + bytes > this.#limits.retainedBytesPerOwnerMax
      ? 'retainedBytesPerOwnerMax'
      : undefined;
  }
}

/** The session that is owed most of what the limit counts: it pays for its owner, rather than one that keeps up. */
export function largestOf({ sessions }: Share, limit: QueueLimit): Holder | undefined {
  const sizeOf = ({ owed: { queue } }: Holder): number =>
    limit === 'storedMessagesPerOwnerMax' ? queue.size : queue.bytes;
  let largest: Holder | undefined;
  for (const session of sessions)
    if (largest === undefined || sizeOf(session) > sizeOf(largest)) largest = session;
  return largest;
}
