import { toHex } from '@fleetward/core';
import { isOnCurve } from './curve-points.ts';
import { PkiError } from './errors.ts';
import { assertLoadable, bitLength, type PublicKey } from './public-key.ts';
import type { WeakKeys } from './weak-keys.ts';

export type KeyVerdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly reason: string };

const accepted: KeyVerdict = { kind: 'accepted' };
const rsaBitsMin = 2048;
const rsaBitsMax = 8192;
const exponentMin = 65537n;
const exponentBitsMax = 64;
const mlDsaOff = 'ML-DSA keys are experimental and not taken here (setting `experimental.mlDsa`); use P-256';
const onWeakList =
  'the RSA key is on a list of weak keys, as those of CVE-2008-0166: others hold its private key too';

/** What an installation adds to the rules that hold everywhere. */
export interface KeyRules {
  readonly weakKeys?: WeakKeys;
  /** No CSR with an ML-DSA key is accepted; certificates with one that exist are. */
  readonly withoutMlDsa?: true;
}

/** Nothing added. */
export const noKeyRules: KeyRules = {};

/**
 * Holds a key to our rules: RSA of 2048 to 8192 bits with an odd public exponent of at least 65537 (FIPS 186-5 §5.4), P-256, P-384
 * Ed25519
 * or ML-DSA (FIPS 204), and valid for its algorithm.
 */
export function checkPublicKey(key: PublicKey, rules: KeyRules = noKeyRules): KeyVerdict {
  if (key.kind === 'unsupported') return refused(key.reason);
  if (rules.weakKeys?.has(key) === true) return refused(onWeakList);
  const reason = weaknessOf(key);
  if (reason !== undefined) return refused(reason);
  // A point was looked at already; to load it would cost more than all the rest.
  return key.kind === 'ec' ? accepted : loadable(key);
}

/** As `checkPublicKey` for a key that is to be certified. */
export function checkRequestedKey(key: PublicKey, rules: KeyRules = noKeyRules): KeyVerdict {
  if (key.kind === 'ml-dsa' && rules.withoutMlDsa === true) return refused(mlDsaOff);
  return checkPublicKey(key, rules);
}

function weaknessOf(key: Exclude<PublicKey, { kind: 'unsupported' }>): string | undefined {
  switch (key.kind) {
    case 'rsa':
      return rsaWeakness(key);
    case 'ec':
      return ecWeakness(key);
    case 'ed25519':
      return key.bits.length === 32 ? undefined : 'an Ed25519 key has 32 octets';
    case 'ml-dsa':
      return mlDsaWeakness(key);
  }
}

function refused(reason: string): KeyVerdict {
  return { kind: 'refused', reason };
}

function rsaWeakness(key: PublicKey & { kind: 'rsa' }): string | undefined {
  if (key.sizeBits < rsaBitsMin)
    return `the RSA key has \`${key.sizeBits}\` bits; at least ${rsaBitsMin} are required`;
  if (key.sizeBits > rsaBitsMax)
    return `the RSA key has \`${key.sizeBits}\` bits; at most ${rsaBitsMax} are accepted`;
  if (isEven(key.modulus)) return 'the RSA modulus is even';
  if (bitLength(key.exponent) > exponentBitsMax)
    return `the RSA public exponent has more than ${exponentBitsMax} bits`;
  const exponent = BigInt(`0x${toHex(key.exponent)}`);
  if (exponent < exponentMin || isEven(key.exponent))
    return `the RSA public exponent is \`${exponent}\`; it must be odd and at least ${exponentMin}`;
  if (hasRocaShape(key.modulus)) return 'the RSA key has the ROCA weakness (CVE-2017-15361)';
  return hasClosePrimes(BigInt(`0x${toHex(key.modulus)}`))
    ? "the RSA key's primes are so close that it can be factored (CVE-2022-26320)"
    : undefined;
}

function isEven(magnitude: Uint8Array): boolean {
  return (magnitude.at(-1) ?? 0) % 2 === 0;
}

const rocaPrimes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
  109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const rocaResidues = rocaPrimes.map((prime) => ({ prime, residues: powersOf65537(prime) }));

// The faulty generator's primes, and so their products, are powers of 65537 modulo every small prime.
function hasRocaShape(modulus: Uint8Array): boolean {
  return rocaResidues.every(({ prime, residues }) => residues.has(remainder(modulus, prime)));
}

// Fermat's factoring: real keys are safe from it by a wide margin, and those of one faulty generator fall in the first steps.
const fermatSteps = 100;

function hasClosePrimes(modulus: bigint): boolean {
  let middle = squareRoot(modulus);
  if (middle * middle === modulus) return true;
  for (let step = 0; step < fermatSteps; step++) {
    middle += 1n;
    if (isSquare(middle * middle - modulus)) return true;
  }
  return false;
}

function isSquare(value: bigint): boolean {
  // Squares end in 0, 1, 4 or 9 in base 16: three in four others need no root.
  if (![0, 1, 4, 9].includes(Number(value & 15n))) return false;
  const root = squareRoot(value);
  return root * root === value;
}

/** The integer part, by Newton's method from above. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(16).length * 4 + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * (65537 % prime)) % prime) powers.add(power);
  return powers;
}

function remainder(magnitude: Uint8Array, divisor: number): number {
  return magnitude.reduce((rest, octet) => (rest * 256 + octet) % divisor, 0);
}

// FIPS 204 table 2.
const mlDsaOctets = { 'ml-dsa-44': 1312, 'ml-dsa-65': 1952, 'ml-dsa-87': 2592 } as const;

function mlDsaWeakness({ parameterSet, bits }: PublicKey & { kind: 'ml-dsa' }): string | undefined {
  const octets = mlDsaOctets[parameterSet];
  return bits.length === octets ? undefined : `an \`${parameterSet}\` key has ${octets} octets`;
}

function ecWeakness(key: PublicKey & { kind: 'ec' }): string | undefined {
  const uncompressedOctets = 1 + (key.sizeBits / 8) * 2;
  if (key.bits[0] !== 4 || key.bits.length !== uncompressedOctets)
    return `the ${key.curve} key is not an uncompressed point (RFC 5480 section 2.2)`;
  return isOnCurve(key.bits, key.curve) ? undefined : 'the public key is not valid for its algorithm';
}

function loadable(key: PublicKey): KeyVerdict {
  try {
    assertLoadable(key);
    return accepted;
  } catch (cause) {
    if (cause instanceof PkiError) return refused(cause.message);
    throw cause;
  }
}
