import type { PolicyAction } from '../actions.ts';
import type { PolicyBinding } from '../document.ts';
import { filterCovers, isTopicFilter } from '../language/filters.ts';
import type { Candidate } from './candidates.ts';
import type { PolicySet } from './clauses.ts';
import type { Part, View } from './problem.ts';
import { decideWritten, type WrittenRequest, writeRequest } from './requests.ts';
import { mayAllow, type Selection, sidesOf } from './role.ts';

/** Something a device does with a name, as the parts that read the name and the requests that have to be allowed. */
export interface Use {
  readonly actions: readonly PolicyAction[];
  /** The parts; the first of them is number `first`. */
  readonly parts: (speaker: number, first: number) => readonly Part[];
  /** Whether it may be done, as far as the parts have read the name. */
  readonly mayDo: (view: View, first: number, selection: Selection) => boolean;
  readonly requests: (candidate: Candidate, first: number, own: Own) => readonly WrittenRequest[];
  /** Whether these requests do it: decided one by one, filters read by another reading than the automata's. */
  readonly does: (
    policies: PolicySet,
    candidate: Candidate,
    at: { readonly first: number; readonly own: Own },
  ) => boolean;
}

interface Own {
  readonly facts: Candidate['facts'][number];
  readonly binding: PolicyBinding;
}

/** Actions on the name itself, all of which have to be allowed. */
export function actingOn(actions: readonly PolicyAction[]): Use {
  const requests: Use['requests'] = ({ name }, _first, own) =>
    actions.map((action) => writeRequest(action, name, own));
  return {
    actions,
    parts: (speaker) => actions.map((action) => ({ kind: 'action', action, reads: 'name', speaker })),
    mayDo: (view, first, selection) =>
      actions.every((_action, at) => mayAllow(view.role(first + at), view.accepted(first + at), selection)),
    requests,
    does: (policies, candidate, { first, own }) =>
      requests(candidate, first, own).every((request) => decideWritten(policies, request).kind === 'allow'),
  };
}

/** To subscribe to a filter that covers the topic, whether or not anything is delivered. */
export const SUBSCRIBING: Use = {
  actions: ['iot:Subscribe'],
  parts: (speaker) => [{ kind: 'action', action: 'iot:Subscribe', reads: 'filter', speaker }],
  mayDo: ({ role, accepted }, first, selection) => mayAllow(role(first), accepted(first), selection),
  requests: ({ filters }, first, own) => [writeRequest('iot:Subscribe', filters[first]!, own)],
  does: (policies, { name, filters }, { first, own }) => {
    const filter = filters[first]!;
    if (!isTopicFilter(filter) || !filterCovers(filter, name)) return false;
    return decideWritten(policies, writeRequest('iot:Subscribe', filter, own)).kind === 'allow';
  },
};

/**
 * To be brought the topic: a filter that may be subscribed to covers it, and it may be received; where the filter is a shared
 * one also under that filter's group.
 */
export const RECEIVING: Use = {
  actions: ['iot:Subscribe', 'iot:Receive'],
  parts: (speaker, first) => [
    { kind: 'action', action: 'iot:Subscribe', reads: 'filter', speaker, partner: first + 2 },
    { kind: 'action', action: 'iot:Receive', reads: 'name', speaker, substitute: first + 2 },
    { kind: 'action', action: 'iot:Receive', reads: 'shared', speaker, partner: first },
  ],
  mayDo: ({ role, accepted, isActive }, first, selection) => {
    if (!mayAllow(role(first), accepted(first), selection)) return false;
    const [topic, shared] = [first + 1, first + 2];
    if (!isActive(shared)) return mayAllow(role(topic), accepted(topic), selection);
    // Of a shared subscription either name may be allowed and neither may be denied.
    const sides = [topic, shared].map((part) => sidesOf(role(part), accepted(part), selection));
    return sides.some((side) => side.mayAllow) && !sides.some((side) => side.mustDeny);
  },
  requests: ({ name, filters }, first, own) => {
    const filter = filters[first]!;
    const share = /^\$share\/[^/]+\//u.exec(filter)?.[0];
    const shared = share === undefined ? [] : [writeRequest('iot:Receive', `${share}${name}`, own)];
    return [writeRequest('iot:Subscribe', filter, own), writeRequest('iot:Receive', name, own), ...shared];
  },
  does: (policies, candidate, { first, own }) => {
    if (!SUBSCRIBING.does(policies, candidate, { first, own })) return false;
    const [, ...receives] = RECEIVING.requests(candidate, first, own).map(
      (request) => decideWritten(policies, request).kind,
    );
    return receives.includes('allow') && !receives.includes('explicitDeny');
  },
};
