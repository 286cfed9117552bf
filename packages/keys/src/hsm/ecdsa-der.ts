/** A token gives r and s side by side; X.509 has them as a DER `Ecdsa-Sig-Value` (RFC 3279 §2.2.3). */
export function ecdsaDer(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  const body = Buffer.concat([integer(raw.subarray(0, half)), integer(raw.subarray(half))]);
  // At most 2 + 2 * 51 octets for P-384: always a short form.
  return new Uint8Array(Buffer.concat([Buffer.from([0x30, body.length]), body]));
}

function integer(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const digits = magnitude.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.from([0x02, sign.length + digits.length, ...sign, ...digits]);
}
