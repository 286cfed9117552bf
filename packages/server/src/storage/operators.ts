import type { DeleteQueryBuilder, DeleteResult } from 'kysely';
import type { Invitation, Operator, OperatorStore, OperatorToken, SetupToken } from '../operators/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageRowsMax } from './paging.ts';
import type { OperatorTokenRow, Schema } from './schema.ts';

const operatorColumns = ['operator_id', 'name', 'created_at_ms', 'invited_by'] as const;
const setupTokenColumns = [
  'hash',
  'created_at_ms',
  'expires_at_ms',
  'used_at_ms',
  'operator_name',
  'invited_by',
] as const;
const tokenColumns = [
  'token_id',
  'operator_id',
  'hash',
  'created_at_ms',
  'expires_at_ms',
  'revoked_at_ms',
] as const;

/** Operators and their tokens in the records. */
export function createOperatorStore({ reads }: Database): OperatorStore {
  return {
    addSetupToken: async (tx, token) => {
      await queriesOf(tx)
        .insertInto('setup_tokens')
        .values({
          hash: token.hash,
          created_at_ms: token.createdAtMs,
          expires_at_ms: token.expiresAtMs,
          used_at_ms: token.usedAtMs ?? null,
          operator_name: token.invitation?.operatorName ?? null,
          invited_by: token.invitation?.invitedBy ?? null,
        })
        .execute();
    },
    removeUnusedSetupTokens: async (tx, which) => {
      const all = queriesOf(tx).deleteFrom('setup_tokens').where('used_at_ms', 'is', null);
      const { numDeletedRows } = await narrowed(all, which).executeTakeFirst();
      return Number(numDeletedRows);
    },
    unusedInvitations: async (tx) => {
      const rows = await (tx === undefined ? reads : queriesOf(tx))
        .selectFrom('setup_tokens')
        .select(setupTokenColumns)
        .where('used_at_ms', 'is', null)
        .where('operator_name', 'is not', null)
        .orderBy('operator_name')
        .execute();
      return rows.map(toSetupToken).filter(isInvitation);
    },
    findSetupToken: async (hash) => {
      const row = await reads
        .selectFrom('setup_tokens')
        .select(setupTokenColumns)
        .where('hash', '=', hash)
        .executeTakeFirst();
      return row && toSetupToken(row);
    },
    useSetupToken: async (tx, { hash, atMs }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('setup_tokens')
        .set({ used_at_ms: atMs })
        .where('hash', '=', hash)
        .where('used_at_ms', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    addOperator: async (tx, operator) => {
      await queriesOf(tx)
        .insertInto('operators')
        .values({
          operator_id: operator.operatorId,
          name: operator.name,
          created_at_ms: operator.createdAtMs,
          invited_by: operator.invitedBy ?? null,
        })
        .execute();
    },
    findOperator: async (operatorId) => {
      const row = await reads
        .selectFrom('operators')
        .select(operatorColumns)
        .where('operator_id', '=', operatorId)
        .executeTakeFirst();
      return row && toOperator(row);
    },
    listOperators: async () => {
      const rows = await allRows((after: { readonly operator_id: string } | undefined) => {
        const page = reads.selectFrom('operators').select(operatorColumns).orderBy('operator_id');
        const rest = after === undefined ? page : page.where('operator_id', '>', after.operator_id);
        return rest.limit(pageRowsMax).execute();
      });
      return rows.map(toOperator);
    },
    addToken: async (tx, token) => {
      await queriesOf(tx)
        .insertInto('operator_tokens')
        .values({
          token_id: token.tokenId,
          operator_id: token.operatorId,
          hash: token.hash,
          created_at_ms: token.createdAtMs,
          expires_at_ms: token.expiresAtMs,
          revoked_at_ms: token.revokedAtMs ?? null,
        })
        .execute();
    },
    findToken: async (hash) => {
      const row = await reads
        .selectFrom('operator_tokens')
        .select(tokenColumns)
        .where('hash', '=', hash)
        .executeTakeFirst();
      return row && toToken(row);
    },
    listTokens: async (operatorId) => {
      const rows = await allRows((after: OperatorTokenRow | undefined) => {
        const page = reads
          .selectFrom('operator_tokens')
          .select(tokenColumns)
          .where('operator_id', '=', operatorId)
          .orderBy('token_id');
        const rest = after === undefined ? page : page.where('token_id', '>', after.token_id);
        return rest.limit(pageRowsMax).execute();
      });
      return rows.map(toToken);
    },
    revokeToken: async (tx, { tokenId, atMs }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('operator_tokens')
        .set({ revoked_at_ms: atMs })
        .where('token_id', '=', tokenId)
        .where('revoked_at_ms', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
  };
}

type Removal = DeleteQueryBuilder<Schema, 'setup_tokens', DeleteResult>;

function narrowed(all: Removal, which: Parameters<OperatorStore['removeUnusedSetupTokens']>[1]): Removal {
  if (which === undefined) return all;
  if ('operatorName' in which) return all.where('operator_name', '=', which.operatorName);
  return all.where('operator_name', 'is not', null).where('expires_at_ms', '<=', which.expiredAtMs);
}

function toSetupToken(row: Schema['setup_tokens']): SetupToken {
  const { operator_name: operatorName, invited_by: invitedBy, used_at_ms: usedAtMs } = row;
  return {
    hash: row.hash,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    ...(usedAtMs === null ? {} : { usedAtMs }),
    ...(operatorName === null || invitedBy === null ? {} : { invitation: { operatorName, invitedBy } }),
  };
}

function isInvitation(token: SetupToken): token is Invitation {
  return token.invitation !== undefined;
}

function toOperator(row: Schema['operators']): Operator {
  const { operator_id: operatorId, name, created_at_ms: createdAtMs, invited_by: invitedBy } = row;
  return { operatorId, name, createdAtMs, ...(invitedBy === null ? {} : { invitedBy }) };
}

function toToken(row: OperatorTokenRow): OperatorToken {
  const token: OperatorToken = {
    tokenId: row.token_id,
    operatorId: row.operator_id,
    hash: row.hash,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  };
  return row.revoked_at_ms === null ? token : { ...token, revokedAtMs: row.revoked_at_ms };
}
