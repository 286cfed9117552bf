import { parseCertificateId, parseGroupName } from '@fleetward/core';
import {
  changeRenewal,
  getRenewal,
  getRenewalWish,
  listRenewalMembers,
  listRenewals,
  type Part,
  startRenewal,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import { RenewalsError } from './errors.ts';
import type { RenewalCampaigns, RenewalProgress } from './service.ts';
import type { RenewalSelection } from './store.ts';

export function renewalHandlers(renewals: RenewalCampaigns): readonly RouteHandler[] {
  return [
    handle(startRenewal, async ({ body, caller }) => {
      const wanted = { selection: selectionOf(body), ratePerMinute: body.ratePerMinute };
      return viewOf(await renewals.start(wanted, operatorActor(caller)));
    }),
    handle(listRenewals, async () => ({ renewals: (await renewals.list()).map(viewOf) })),
    handle(getRenewal, async ({ params }) => viewOf(await renewals.get(params.campaignId))),
    handle(listRenewalMembers, async ({ params, query }) => {
      const { state, after, limit = 100 } = query;
      const members = await renewals.members({
        campaignId: params.campaignId,
        limit,
        ...(state === undefined ? {} : { state }),
        ...(after === undefined ? {} : { after: parseCertificateId(after) }),
      });
      const next = members.length === limit ? members.at(-1)?.certificateId : undefined;
      return { members: [...members], ...(next === undefined ? {} : { next }) };
    }),
    handle(changeRenewal, async ({ params, body, caller }) =>
      viewOf(await renewals.change({ ...params, event: body.event }, operatorActor(caller))),
    ),
  ];
}

/** For devices: whether the one that asks should renew before its own time. */
export function deviceRenewalHandlers(renewals: RenewalCampaigns): readonly RouteHandler[] {
  return [
    handle(getRenewalWish, async ({ caller }) => ({
      renew: caller.kind === 'device' && renewals.isCalled(caller.certificateId),
    })),
  ];
}

/** Everything is asked for by name: a flag that was forgotten must not mean the whole fleet. */
function selectionOf(body: Part<(typeof startRenewal)['body']>): RenewalSelection {
  const { groupName, issuerId, profile, expiresBeforeMs, all } = body;
  const given = [groupName, issuerId, profile, expiresBeforeMs].filter((one) => one !== undefined);
  if ((all === true) === given.length > 0)
    throw new RenewalsError(
      'renewals.invalid',
      'say which certificates: by group, issuer, profile or expiry, or `all` and nothing else',
    );
  return {
    ...(groupName === undefined ? {} : { groupName: parseGroupName(groupName) }),
    ...(issuerId === undefined ? {} : { issuerId: parseCertificateId(issuerId) }),
    ...(profile === undefined ? {} : { profile }),
    ...(expiresBeforeMs === undefined ? {} : { expiresBeforeMs }),
  };
}

function viewOf({ pace, selection, ...campaign }: RenewalProgress) {
  return { ...campaign, selection: { ...selection }, ratePerMinute: pace.ratePerMinute };
}
