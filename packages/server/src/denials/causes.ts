import { isPolicyAction, type LeastStatement, leastStatement } from '@fleetward/policy';
import type { Denial } from './denial.ts';
import { isClipped, principalOf } from './rules.ts';

/** Denials of one action on one resource by one principal, as one. */
export interface DeniedCause
  extends Pick<
    Denial,
    'cause' | 'thingName' | 'certificateId' | 'clientId' | 'explanation' | 'decision' | 'statement'
  > {
  readonly action: string;
  readonly resource: string;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** Absent when a Deny decided, which no Allow outweighs. */
  readonly allowedBy?: LeastStatement;
}

/** Groups what the policies denied, the most frequent first. Takes the newest denial first, whose explanation is kept. */
export function causesOf(denials: readonly Denial[]): readonly DeniedCause[] {
  const byPolicy = denials.filter(({ action, resource }) => action !== undefined && resource !== undefined);
  const groups = Map.groupBy(
    byPolicy,
    ({ action, resource, ...who }) => `${action} ${principalOf(who)} ${resource}`,
  );
  return [...groups.values()].flatMap(causeOf).sort((a, b) => b.count - a.count || b.lastAtMs - a.lastAtMs);
}

function causeOf(group: readonly Denial[]): readonly DeniedCause[] {
  const newest = group.find(({ decision }) => decision !== undefined) ?? group[0];
  const { action, resource } = newest ?? {};
  if (newest === undefined || action === undefined || resource === undefined) return [];
  const { seq: _seq, atMs: _at, remoteAddress: _address, ...known } = newest;
  const times = group.map(({ atMs }) => atMs);
  const allowedBy = suggestion(newest);
  return [
    {
      ...known,
      action,
      resource,
      count: group.length,
      firstAtMs: Math.min(...times),
      lastAtMs: Math.max(...times),
      ...(allowedBy === undefined ? {} : { allowedBy }),
    },
  ];
}

function suggestion({ action, resource, decision, thingName, clientId }: Denial): LeastStatement | undefined {
  if (decision !== 'implicitDeny' || action === undefined || resource === undefined) return undefined;
  if (!isPolicyAction(action) || isClipped(resource)) return undefined;
  return leastStatement({
    action,
    name: resource,
    ...(thingName === undefined ? {} : { thingName }),
    ...(clientId === undefined ? {} : { clientId }),
  });
}
