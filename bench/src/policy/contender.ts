import type { PolicyRequest } from './rules.ts';

export const contenderNames = ['fleetward', 'casbin', 'cedar'] as const;
export type ContenderName = (typeof contenderNames)[number];

/** An engine with a policy loaded: answers the request of that number, of those it was made for. */
export interface Contender {
  readonly name: ContenderName;
  isAllowed(request: number): boolean;
}

/** What every engine must answer alike before any of them is timed. Throws with the first difference. */
export function assertAlike(
  contenders: readonly Contender[],
  requests: readonly PolicyRequest[],
): { readonly allowed: number } {
  let allowed = 0;
  for (const [index, request] of requests.entries()) {
    const answers = contenders.map((contender) => contender.isAllowed(index));
    if (new Set(answers).size !== 1) {
      const said = contenders.map(({ name }, at) => `${name}: ${answers[at]}`).join(', ');
      throw new Error(`the engines differ about ${JSON.stringify(request)} (${said})`);
    }
    if (answers[0] === true) allowed++;
  }
  return { allowed };
}
