import type { CertificateId } from '@fleetward/core';
import type { CloneResponse, CloneSign } from './rules.ts';

/**
 * What a certificate gave itself away by. Beside those of clones: `unlogged`, the registry has it and the issuance log does not;
 * `unregistered`, a CA of the platform signed it and the registry does not have it.
 */
export type DetectionSign = CloneSign | 'unlogged' | 'unregistered';

/** A certificate that is not what it should be, as operators see it. */
export interface Detection {
  readonly certificateId: CertificateId;
  readonly thingNames: readonly string[];
  readonly sign: DetectionSign;
  readonly response: CloneResponse;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** CONNECTs, connections or comparisons that showed it. */
  readonly count: number;
  /** The newest of each. */
  readonly clientIds: readonly string[];
  readonly addresses: readonly string[];
}

type Found = Pick<Detection, 'certificateId' | 'thingNames' | 'sign' | 'response'> & {
  /** Who showed it, the newest last. */
  readonly by: readonly { readonly clientId?: string; readonly remoteAddress: string }[];
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
  add(found: Found, atMs: number): { readonly detection: Detection; readonly isNews: boolean } {
    const { certificateId, thingNames, sign, response, by } = found;
    const key = `${sign} ${certificateId}`;
    const known = this.#kept.get(key);
    const before = known !== undefined && atMs - known.lastAtMs <= this.#limits.windowMs ? known : undefined;
    const clientIds = by.flatMap(({ clientId }) => clientId ?? []);
    const addresses = by.map(({ remoteAddress }) => remoteAddress);
    const detection: Detection = {
      certificateId,
      thingNames,
      sign,
      response,
      firstAtMs: before?.firstAtMs ?? atMs,
      lastAtMs: atMs,
      count: (before?.count ?? 0) + 1,
      clientIds: newest(before?.clientIds, clientIds),
      addresses: newest(before?.addresses, addresses),
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
