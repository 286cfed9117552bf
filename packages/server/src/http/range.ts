/** Both ends are included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a `Range` header (RFC 9110 §14.1.2) for `lengthBytes` bytes. What is not one byte range is ignored, as the RFC
 * allows: several ranges in one request serve nobody here and would cost memory.
 */
export function parseRange(
  header: string | undefined,
  lengthBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header ?? '');
  if (match === null) return undefined;
  const [first = '', last = ''] = match.slice(1);
  if (first === '') return last === '' ? undefined : suffix(Number(last), lengthBytes);
  const start = Number(first);
  const end = last === '' ? lengthBytes - 1 : Number(last);
  if (last !== '' && end < start) return undefined;
  return start >= lengthBytes ? 'unsatisfiable' : { start, end: Math.min(end, lengthBytes - 1) };
}

function suffix(count: number, lengthBytes: number): ByteRange | 'unsatisfiable' {
  if (count === 0 || lengthBytes === 0) return 'unsatisfiable';
  return { start: Math.max(0, lengthBytes - count), end: lengthBytes - 1 };
}
