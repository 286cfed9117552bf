import type { CertificateId } from '@fleetward/core';
import type { CloneResponse, CloneSign, Seen } from './rules.ts';

/** A certificate whose key two devices may hold, as operators see it. */
export interface Detection {
  readonly certificateId: CertificateId;
  readonly thingNames: readonly string[];
  readonly sign: CloneSign;
  readonly response: CloneResponse;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** CONNECTs that showed it. */
  readonly count: number;
  /** The newest of each. */
  readonly clientIds: readonly string[];
  readonly addresses: readonly string[];
}

type Found = Pick<Detection, 'certificateId' | 'thingNames' | 'sign' | 'response'> & {
  readonly clientId: string;
  readonly remoteAddress: string;
  /** The others that showed it. */
  readonly others: Iterable<{ readonly clientId: string; readonly remoteAddress: string }>;
};

const namedMax = 8;

/** One entry a certificate and sign; after a quiet window it is news again. The oldest is forgotten first. */
export class KeptDetections {
  forgotten = 0;
  readonly #kept = new Map<string, Detection>();
  readonly #limits: { readonly keptMax: number; readonly windowMs: number };

  constructor(limits: { readonly keptMax: number; readonly windowMs: number }) {
    this.#limits = limits;
  }

  /** `isNews`: it was not seen within the window. */
  add(found: Found, { atMs }: Seen): { readonly detection: Detection; readonly isNews: boolean } {
    const { certificateId, thingNames, sign, response } = found;
    const key = `${sign} ${certificateId}`;
    const known = this.#kept.get(key);
    const before = known !== undefined && atMs - known.lastAtMs <= this.#limits.windowMs ? known : undefined;
    const everyone = [...found.others, found];
    const detection: Detection = {
      certificateId,
      thingNames,
      sign,
      response,
      firstAtMs: before?.firstAtMs ?? atMs,
      lastAtMs: atMs,
      count: (before?.count ?? 0) + 1,
      clientIds: newest(
        before?.clientIds,
        everyone.map(({ clientId }) => clientId),
      ),
      addresses: newest(
        before?.addresses,
        everyone.map(({ remoteAddress }) => remoteAddress),
      ),
    };
    this.#kept.delete(key);
    this.#kept.set(key, detection);
    this.#makeRoom();
    return { detection, isNews: before === undefined || before.response !== response };
  }

  newestFirst(limit: number): readonly Detection[] {
    return [...this.#kept.values()].reverse().slice(0, limit);
  }

  #makeRoom(): void {
    if (this.#kept.size <= this.#limits.keptMax) return;
    const [oldest] = this.#kept.keys();
    if (oldest === undefined) return;
    this.#kept.delete(oldest);
    this.forgotten++;
  }
}

function newest(before: readonly string[] = [], seen: readonly string[]): readonly string[] {
  return [...new Set([...before, ...seen].reverse())].slice(0, namedMax).reverse();
}
