import { parsePolicyName } from '@fleetward/core';
import type { ExpressionBuilder } from 'kysely';
import type { EnrollmentAttempt, EnrollmentStore, JoinToken } from '../enrollment/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageLimit, pageRowsMax, storedJson } from './paging.ts';
import type { EnrollmentAttemptRow, JoinTokenRow, Schema } from './schema.ts';

const tokenColumns = [
  'token_id',
  'hash',
  'name_pattern',
  'policies',
  'uses_max',
  'uses_left',
  'created_at_ms',
  'expires_at_ms',
  'created_by',
  'revoked_at_ms',
  'profile',
  'group_name',
] as const;
const attemptColumns = [
  'attempt_id',
  'at_ms',
  'remote_address',
  'outcome',
  'reason',
  'explanation',
  'token_id',
  'thing_name',
  'certificate_id',
  'operation',
  'steps',
] as const;

/** Join tokens, what they gave out, and the attempts to enrol, in the records. */
export function createEnrollmentStore({ reads }: Database): EnrollmentStore {
  return {
    addToken: async (tx, token) => {
      await queriesOf(tx).insertInto('join_tokens').values(tokenRow(token)).execute();
    },
    findToken: async (hash) => {
      const row = await reads
        .selectFrom('join_tokens')
        .select(tokenColumns)
        .where('hash', '=', hash)
        .executeTakeFirst();
      return row && toToken(row);
    },
    listTokens: async () => {
      const rows = await allRows((after: JoinTokenRow | undefined) => {
        const page = reads
          .selectFrom('join_tokens')
          .select(tokenColumns)
          .orderBy('token_id')
          .limit(pageRowsMax);
        return (after === undefined ? page : page.where('token_id', '>', after.token_id)).execute();
      });
      return rows.map(toToken);
    },
    useToken: async (tx, { tokenId, atMs }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('join_tokens')
        .set((eb) => ({ uses_left: eb('uses_left', '-', 1) }))
        .where('token_id', '=', tokenId)
        .where('uses_left', '>', 0)
        .where('expires_at_ms', '>', atMs)
        .where('revoked_at_ms', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    revokeToken: async (tx, { tokenId, atMs }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('join_tokens')
        .set({ revoked_at_ms: atMs })
        .where('token_id', '=', tokenId)
        .where('revoked_at_ms', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    addUse: async (tx, { tokenId, certificateId, publicKeyHash }) => {
      await queriesOf(tx)
        .insertInto('join_token_uses')
        .values({ token_id: tokenId, public_key_hash: publicKeyHash, certificate_id: certificateId })
        .onConflict((conflict) =>
          conflict.columns(['token_id', 'public_key_hash']).doUpdateSet({ certificate_id: certificateId }),
        )
        .execute();
    },
    findUse: async ({ tokenId, publicKeyHash }) => {
      const row = await reads
        .selectFrom('join_token_uses')
        .select('certificate_id')
        .where('token_id', '=', tokenId)
        .where('public_key_hash', '=', publicKeyHash)
        .executeTakeFirst();
      return row?.certificate_id;
    },
    addAttempt: async (tx, attempt, { keep }) => {
      const queries = queriesOf(tx);
      const row = attemptRow(attempt);
      await queries.insertInto('enrollment_attempts').values(row).execute();
      const isOfStranger = row.token_id === null && row.certificate_id === null ? 'is' : 'is not';
      const oldestKept = await queries
        .selectFrom('enrollment_attempts')
        .select(['at_ms', 'attempt_id'])
        .where((eb) => ofRing(eb, isOfStranger))
        .orderBy('at_ms', 'desc')
        .orderBy('attempt_id', 'desc')
        .offset(keep - 1)
        .limit(1)
        .executeTakeFirst();
      if (oldestKept === undefined) return;
      await queries
        .deleteFrom('enrollment_attempts')
        .where((eb) => ofRing(eb, isOfStranger))
        .where((eb) =>
          eb(eb.refTuple('at_ms', 'attempt_id'), '<', eb.tuple(oldestKept.at_ms, oldestKept.attempt_id)),
        )
        .execute();
    },
    attempts: async ({ limit }) => {
      const rows = await reads
        .selectFrom('enrollment_attempts')
        .select(attemptColumns)
        .orderBy('at_ms', 'desc')
        .orderBy('attempt_id', 'desc')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(toAttempt);
    },
    findAttempt: async (attemptId) => {
      const row = await reads
        .selectFrom('enrollment_attempts')
        .select(attemptColumns)
        .where('attempt_id', '=', attemptId)
        .executeTakeFirst();
      return row && toAttempt(row);
    },
  };
}

/** Attempts by people with nothing the platform knows are bounded by themselves, so that they push no others out. */
function ofRing(eb: ExpressionBuilder<Schema, 'enrollment_attempts'>, isOfStranger: 'is' | 'is not') {
  const parts = [eb('token_id', isOfStranger, null), eb('certificate_id', isOfStranger, null)];
  return isOfStranger === 'is' ? eb.and(parts) : eb.or(parts);
}

function tokenRow(token: JoinToken): JoinTokenRow {
  return {
    token_id: token.tokenId,
    hash: token.hash,
    name_pattern: token.namePattern,
    policies: JSON.stringify(token.policies),
    uses_max: token.usesMax,
    uses_left: token.usesLeft,
    created_at_ms: token.createdAtMs,
    expires_at_ms: token.expiresAtMs,
    created_by: token.createdBy,
    revoked_at_ms: token.revokedAtMs ?? null,
    profile: token.profile,
    group_name: token.groupName ?? null,
  };
}

function toToken(row: JoinTokenRow): JoinToken {
  const token: JoinToken = {
    tokenId: row.token_id,
    hash: row.hash,
    namePattern: row.name_pattern,
    policies: storedJson(row.policies, isList).map(parsePolicyName),
    usesMax: row.uses_max,
    usesLeft: row.uses_left,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    createdBy: row.created_by,
    profile: row.profile,
    ...(row.group_name === null ? {} : { groupName: row.group_name }),
  };
  return row.revoked_at_ms === null ? token : { ...token, revokedAtMs: row.revoked_at_ms };
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function attemptRow(attempt: EnrollmentAttempt): EnrollmentAttemptRow {
  return {
    attempt_id: attempt.attemptId,
    at_ms: attempt.atMs,
    remote_address: attempt.remoteAddress,
    outcome: attempt.outcome,
    reason: attempt.reason,
    explanation: attempt.explanation,
    token_id: attempt.tokenId ?? null,
    thing_name: attempt.thingName ?? null,
    certificate_id: attempt.certificateId ?? null,
    operation: attempt.operation,
    steps: JSON.stringify(attempt.steps),
  };
}

function toAttempt(row: EnrollmentAttemptRow): EnrollmentAttempt {
  return {
    attemptId: row.attempt_id,
    atMs: row.at_ms,
    remoteAddress: row.remote_address,
    outcome: row.outcome,
    reason: row.reason,
    explanation: row.explanation,
    operation: row.operation,
    steps: storedJson(row.steps, isList) as EnrollmentAttempt['steps'], // as `attemptRow` wrote them
    ...(row.token_id === null ? {} : { tokenId: row.token_id }),
    ...(row.thing_name === null ? {} : { thingName: row.thing_name }),
    ...(row.certificate_id === null ? {} : { certificateId: row.certificate_id }),
  };
}
