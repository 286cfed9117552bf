import type { CertificateId } from '@fleetward/core';
import type { CertificateSummary } from './store.ts';

/** Which certificates were renewed from which, in memory. */
export class Lineage {
  readonly #successors = new Map<CertificateId, CertificateId[]>();

  add({ certificateId, renews }: Pick<CertificateSummary, 'certificateId' | 'renews'>): void {
    if (renews === undefined) return;
    const known = this.#successors.get(renews);
    if (known === undefined) this.#successors.set(renews, [certificateId]);
    else known.push(certificateId);
  }

  /** Those that were renewed from it, and from them in turn; the nearest first. */
  *successorsOf(certificateId: CertificateId): Generator<CertificateId> {
    // A certificate renews an older one, so that there is no way round in a circle.
    for (let generation = [certificateId]; generation.length > 0; ) {
      generation = generation.flatMap((id) => this.#successors.get(id) ?? []);
      yield* generation;
    }
  }
}
