import { proveAtMost, proveEqual } from './at-most.ts';
import type { PolicySet } from './clauses.ts';
import { type CrossDeviceOptions, proveNoCrossDevice } from './cross-device.ts';
import { type NeverQuestion, proveNever } from './never.ts';
import type { Proof, ProofOptions } from './proof.ts';

/** A property of policies that are attached together. */
export type Property =
  | ({ readonly kind: 'no-cross-device' } & Omit<CrossDeviceOptions, keyof ProofOptions>)
  | ({ readonly kind: 'never' } & NeverQuestion)
  | { readonly kind: 'at-most' | 'equal'; readonly others: PolicySet };

/** Proves the property. Throws `policy.request` where it cannot be read. */
export function prove(policies: PolicySet, property: Property, options: ProofOptions = {}): Proof {
  switch (property.kind) {
    case 'no-cross-device':
      return proveNoCrossDevice(policies, { ...property, ...options });
    case 'never':
      return proveNever(policies, property, options);
    case 'at-most':
      return proveAtMost(policies, property.others, options);
    case 'equal':
      return proveEqual(policies, property.others, options);
  }
}
