import { createPrivateKey, generatePrimeSync, type KeyObject } from 'node:crypto';

/**
 * An RSA key of 2049 bits, where the longest PSS salt is one byte shorter than the modulus suggests (RFC 8017 §9.1.1).
 * OpenSSL generates even sizes only, and uses others.
 */
export function rsa2049(): KeyObject {
  const e = 65537n;
  for (let attempt = 0; attempt < 1000; attempt++) {
    const p = generatePrimeSync(1025, { bigint: true });
    const q = generatePrimeSync(1024, { bigint: true });
    const phi = (p - 1n) * (q - 1n);
    if ((p * q).toString(2).length !== 2049 || phi % e === 0n) continue;
    const d = inverse(e, phi);
    const numbers = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
    const jwk = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, base64Url(value)]));
    return createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' });
  }
  throw new Error('no 2049-bit key in 1000 attempts');
}

/** The inverse of `value` modulo `modulus`, by Euclid. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return ((x % modulus) + modulus) % modulus;
}

function base64Url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}
