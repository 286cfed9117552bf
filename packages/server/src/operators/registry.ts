import type { Sha256 } from '@fleetward/core';
import type { Operator, OperatorStore, OperatorToken } from './store.ts';

/** Operators and their tokens in memory: what deciding on a request needs. Changed only when a commit is known. */
export interface OperatorRegistry {
  operator(operatorId: string): Operator | undefined;
  operators(): readonly Operator[];
  token(hash: Sha256): OperatorToken | undefined;
  tokens(): readonly OperatorToken[];
  addOperator(operator: Operator): void;
  addToken(token: OperatorToken): void;
  revoke(tokenId: string, atMs: number): void;
}

export async function loadOperatorRegistry(store: OperatorStore): Promise<OperatorRegistry> {
  const operators = new Map<string, Operator>();
  const tokens = new Map<Sha256, OperatorToken>();
  for (const operator of await store.listOperators()) {
    operators.set(operator.operatorId, operator);
    for (const token of await store.listTokens(operator.operatorId)) tokens.set(token.hash, token);
  }
  return {
    operator: (operatorId) => operators.get(operatorId),
    operators: () => [...operators.values()],
    token: (hash) => tokens.get(hash),
    tokens: () => [...tokens.values()],
    addOperator: (operator) => void operators.set(operator.operatorId, operator),
    addToken: (token) => void tokens.set(token.hash, token),
    revoke(tokenId, atMs) {
      for (const [hash, token] of tokens) {
        if (token.tokenId === tokenId) tokens.set(hash, { ...token, revokedAtMs: atMs });
      }
    },
  };
}
