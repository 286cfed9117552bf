import { createHash } from 'node:crypto';

/** What is known of a file before it is read: its length in bytes and lower-case hex SHA-256. */
export interface ExpectedFile {
  readonly path: string;
  readonly length: number;
  readonly sha256: string;
}

export interface TargetRefusal {
  readonly kind: 'refused';
  readonly reason: 'length-mismatch' | 'hash-mismatch';
  readonly explanation: string;
}

/**
 * Verifies a target while it streams (TUF 5.7.2, 5.7.3). The last byte is held back until length and hash have been
 * checked, so whoever consumes the output never holds a whole file that did not verify.
 */
export interface TargetVerifier {
  /** Takes what an earlier download left, before anything else; it is checked with the rest and passed on to nobody. */
  skip(chunk: Uint8Array): void;
  /** Takes the next chunk and answers what may be passed on, or a refusal as soon as there are too many bytes. */
  push(
    chunk: Uint8Array,
  ): { readonly kind: 'released'; readonly bytes: readonly Uint8Array[] } | TargetRefusal;
  /** To be called once, at the end; `bytes` is the part held back. */
  end(): { readonly kind: 'accepted'; readonly bytes: Uint8Array } | TargetRefusal;
}

export function createTargetVerifier(expected: ExpectedFile): TargetVerifier {
  const hash = createHash('sha256');
  let received = 0;
  let held: Uint8Array = new Uint8Array();
  let refusal: TargetRefusal | undefined;

  return {
    skip(chunk) {
      received += chunk.length;
      hash.update(chunk);
    },
    push(chunk) {
      received += chunk.length;
      if (received > expected.length) refusal ??= wrongLength(expected, `more than ${expected.length}`);
      if (refusal !== undefined) return refusal;
      if (chunk.length === 0) return { kind: 'released', bytes: [] };
      hash.update(chunk);
      const released = [held, chunk.subarray(0, -1)].filter((bytes) => bytes.length > 0);
      held = chunk.slice(-1); // a copy: the chunk may be a pooled buffer
      return { kind: 'released', bytes: released };
    },
    end() {
      if (received < expected.length) refusal ??= wrongLength(expected, `only ${received}`);
      if (refusal !== undefined) return refusal;
      const digest = hash.digest('hex');
      if (digest === expected.sha256) return { kind: 'accepted', bytes: held };
      refusal = wrongHash(expected, digest);
      return refusal;
    },
  };
}

function wrongLength({ path, length }: ExpectedFile, found: string): TargetRefusal {
  const explanation = `\`${path}\` has ${found} bytes; the signed metadata says ${length}`;
  return { kind: 'refused', reason: 'length-mismatch', explanation };
}

function wrongHash({ path, sha256 }: ExpectedFile, found: string): TargetRefusal {
  const explanation = `\`${path}\` has SHA-256 ${found}; the signed metadata says ${sha256}`;
  return { kind: 'refused', reason: 'hash-mismatch', explanation };
}
