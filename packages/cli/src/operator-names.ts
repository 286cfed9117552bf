import { type ApiClient, listOperators } from '@fleetward/protocol';

/** Turns the id of an operator into a name; of one who is gone, it stays the id. */
export async function readOperatorNames(api: ApiClient): Promise<(operatorId: string) => string> {
  const { operators } = await api.call(listOperators);
  const names = new Map(operators.map(({ operatorId, name }) => [operatorId, name]));
  return (operatorId) => names.get(operatorId) ?? operatorId;
}
