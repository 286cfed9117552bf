import { toHex } from '@fleetward/core';

interface Curve {
  readonly prime: bigint;
  readonly b: bigint;
}

// SEC 2 §2.4.2 and §2.5.1; for both a = -3 and the cofactor is 1, so that every point of the curve is of its group.
const curves: Readonly<Record<'P-256' | 'P-384', Curve>> = {
  'P-256': {
    prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  'P-384': {
    prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
};

/** Whether an uncompressed point (0x04 ‖ x ‖ y) of the right length lies on the curve (SEC 1 §3.2.2.1). Public data: not constant in time. */
export function isOnCurve(point: Uint8Array, curveName: 'P-256' | 'P-384'): boolean {
  const { prime, b } = curves[curveName];
  const half = (point.length - 1) / 2;
  const x = BigInt(`0x${toHex(point.subarray(1, 1 + half))}`);
  const y = BigInt(`0x${toHex(point.subarray(1 + half))}`);
  return x < prime && y < prime && (y * y - (x * x * x - 3n * x + b)) % prime === 0n;
}
