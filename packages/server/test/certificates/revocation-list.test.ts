import { parseCertificateId } from '@fleetward/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  RevocationList,
  type RevocationsTaken,
  type RevokedEntry,
} from '../../src/certificates/revocation-list.ts';
import { revocationsIn } from '../../src/certificates/revocation-records.ts';
import { isForEver, type RevocationReason } from '../../src/certificates/store.ts';

const issuerId = parseCertificateId('ff'.repeat(32));

function entryOf(number: number, revokedAtMs: number, reason: RevocationReason): RevokedEntry {
  const hex = number.toString(16).padStart(6, '0');
  const certificateId = parseCertificateId(hex.padStart(64, '0'));
  return { certificateId, issuerId, serial: `7f${hex}`, notAfterMs: 4_000_000 + number, revokedAtMs, reason };
}

/** By serial number, as whoever makes the CRL reads it. */
function readFrom({ records }: RevocationsTaken) {
  return new Map(
    revocationsIn(records)
      .each()
      .map((one) => [one.serial, one]),
  );
}

function expected(entries: Iterable<RevokedEntry>) {
  return new Map(
    [...entries].map(({ serial, notAfterMs, revokedAtMs, reason }) => [
      serial,
      { serial, notAfterMs, revokedAtMs, reason },
    ]),
  );
}

const number = fc.integer({ min: 0, max: 5 });
const reason = fc.constantFrom('certificateHold', 'keyCompromise', 'unspecified', 'superseded');
const step = fc.oneof(
  fc.record({ kind: fc.constant('revoke' as const), number, reason }),
  fc.record({ kind: fc.constant('end' as const), number }),
  fc.record({ kind: fc.constant('rewrite' as const) }),
);

test('what is taken holds exactly what was revoked then, whatever comes after it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new RevocationList();
      const model = new Map<number, RevokedEntry>();
      const taken: { readonly was: RevocationsTaken; readonly model: ReturnType<typeof expected> }[] = [];
      for (const [at, next] of steps.entries()) {
        taken.push({ was: list.take(), model: expected(model.values()) });
        if (next.kind === 'rewrite') {
          list.rewrite();
          continue;
        }
        const before = model.get(next.number);
        const entry = entryOf(next.number, 1_000 * at, next.kind === 'revoke' ? next.reason : 'unspecified');
        if (next.kind === 'revoke') list.add(entry);
        else list.end(entry.certificateId);
        if (before !== undefined && isForEver(before.reason)) continue;
        if (next.kind === 'revoke') model.set(next.number, entry);
        else model.delete(next.number);
      }
      taken.push({ was: list.take(), model: expected(model.values()) });
      for (const { was, model: then } of taken) {
        expect(readFrom(was)).toEqual(then);
        expect(was.revoked).toBe(then.size);
      }
      expect([...list.values()]).toHaveLength(model.size);
    }),
  );
});

test('holds that are laid and lifted again and again take no more memory in the end', () => {
  const list = new RevocationList();
  for (let lasting = 0; lasting < 1_000; lasting++) list.add(entryOf(lasting, 1_000, 'keyCompromise'));
  for (let times = 0; times < 8_000; times++) {
    const held = entryOf(9_999, times, 'certificateHold');
    list.add(held);
    list.end(held.certificateId);
  }
  expect(list.take().records.count).toBeLessThan(10_300);
  expect(readFrom(list.take())).toEqual(expected(list.values()));
  expect(list.size).toBe(1_000);
});
