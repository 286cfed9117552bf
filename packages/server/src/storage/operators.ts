import type { Operator, OperatorStore, OperatorToken, SetupToken } from '../operators/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageRowsMax } from './paging.ts';
import type { OperatorTokenRow } from './schema.ts';

const operatorColumns = ['operator_id', 'name', 'created_at_ms'] as const;
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
        })
        .execute();
    },
    removeUnusedSetupTokens: async (tx) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('setup_tokens')
        .where('used_at_ms', 'is', null)
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
    findSetupToken: async (hash) => {
      const row = await reads
        .selectFrom('setup_tokens')
        .select(['hash', 'created_at_ms', 'expires_at_ms', 'used_at_ms'])
        .where('hash', '=', hash)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const token: SetupToken = {
        hash: row.hash,
        createdAtMs: row.created_at_ms,
        expiresAtMs: row.expires_at_ms,
      };
      return row.used_at_ms === null ? token : { ...token, usedAtMs: row.used_at_ms };
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

function toOperator(row: {
  readonly operator_id: string;
  readonly name: string;
  readonly created_at_ms: number;
}): Operator {
  return { operatorId: row.operator_id, name: row.name, createdAtMs: row.created_at_ms };
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
