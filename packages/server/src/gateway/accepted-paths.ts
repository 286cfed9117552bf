import type { Certificate, PathOutcome } from '@fleetward/pki';
import type { Trust } from '../certificates/index.ts';

interface AcceptedPath {
  readonly trust: Trust;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Paths that path validation has accepted. What it found holds for the same certificate and the same CAs at any time at which the
 * whole path is valid, so a device that comes back is not judged anew; a refusal is not kept. By object: whatever is changed is another one.
 */
export class AcceptedPaths {
  readonly #byLeaf = new WeakMap<Certificate, AcceptedPath>();

  has(leaf: Certificate, { trust, atMs }: { readonly trust: Trust; readonly atMs: number }): boolean {
    const path = this.#byLeaf.get(leaf);
    return path !== undefined && path.trust === trust && atMs >= path.fromMs && atMs <= path.untilMs;
  }

  keep(leaf: Certificate, trust: Trust, { chain }: Extract<PathOutcome, { kind: 'accepted' }>): void {
    this.#byLeaf.set(leaf, {
      trust,
      fromMs: Math.max(...chain.map(({ notBeforeMs }) => notBeforeMs)),
      untilMs: Math.min(...chain.map(({ notAfterMs }) => notAfterMs)),
    });
  }
}
