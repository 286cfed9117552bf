import { createHash } from 'node:crypto';
import type { JsonObject, ThingName } from '@fleetward/core';
import type { Action, CampaignRelease, Campaigns } from '../campaigns/index.ts';
import { newestFit } from '../director/index.ts';
import type { PublishedRelease, ReleaseService } from '../releases/index.ts';
import type { Wanted } from './documents.ts';
import { actionGone, DdiError, noAction } from './errors.ts';
import { isObject } from './read-object.ts';

/** An action by its number, as far as a thing is concerned. `release`: what it was to install. */
export type FoundAction =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'ended'; readonly action?: Action; readonly release?: CampaignRelease }
  /** A campaign's; a device may be at it though it is not offered just now. */
  | { readonly kind: 'campaign'; readonly action: Action; readonly release: CampaignRelease }
  /** A release that is offered by its publication, to everybody it fits. */
  | { readonly kind: 'free'; readonly release: PublishedRelease };

/** One that something may still come of. */
export type OpenAction = Extract<FoundAction, { readonly kind: 'campaign' | 'free' }>;

interface Parts {
  readonly campaigns: Pick<Campaigns, 'offers' | 'findAction'>;
  readonly releases: Pick<ReleaseService, 'releases' | 'release'>;
}

/** What the thing is to install now: what a campaign offers it, else the newest release that fits it and is free. */
export function wantedFor(
  { campaigns, releases }: Parts,
  { thingName, report }: { readonly thingName: ThingName; readonly report: JsonObject | undefined },
): Wanted | undefined {
  if (campaigns.offers.isBusy(thingName)) {
    const offer = campaigns.offers.of(thingName);
    const release = offer && releases.release(offer.path);
    // An agent of ours is nothing that such a client can install.
    return offer && release && isFirmware(release) ? { id: offer.actionId, release } : undefined;
  }
  const free = releases.releases().filter((one) => campaigns.offers.isFree(one.sha256) && isFirmware(one));
  const fit = newestFit(free, report);
  const release = fit && releases.release(fit.path);
  if (release === undefined || hasFailed(release, report)) return undefined;
  return { id: freeId(thingName, release), release };
}

function isFirmware({ release }: PublishedRelease): boolean {
  return (release.component ?? 'firmware') === 'firmware';
}

/** Without a campaign nobody else remembers: a release that failed is not offered again, nor an older one in its place. */
function hasFailed({ release }: PublishedRelease, report: JsonObject | undefined): boolean {
  const update = isObject(report?.update) ? report.update : {};
  return update.outcome === 'failed' && update.version === release.version;
}

/**
 * A number for what no campaign numbers: the same for the same thing and bytes. Clients read 31 bits; those of campaigns begin at the
 * seconds since 1970, so this stays below 2^30.
 */
function freeId(thingName: ThingName, { sha256 }: Pick<PublishedRelease, 'sha256'>): number {
  const digest = createHash('sha256').update(`${thingName} ${sha256}`).digest();
  return (digest.readUInt32BE() >>> 2) | 1;
}

/** What a number stands for, from memory or, for what is over, from the records. */
export async function findAction(
  parts: Parts,
  asked: {
    readonly thingName: ThingName;
    readonly id: number;
    readonly wanted: Wanted | undefined;
    readonly endedId: number | undefined;
  },
): Promise<FoundAction> {
  const { thingName, id, wanted, endedId } = asked;
  const found = await parts.campaigns.findAction(id);
  if (found !== undefined) {
    const { action, release, isOver } = found;
    if (action.thingName !== thingName) return { kind: 'foreign' };
    if (isOver) return { kind: 'ended', action, release };
    return action.attempts === 0 ? { kind: 'unknown' } : { kind: 'campaign', action, release };
  }
  if (wanted?.id === id) return { kind: 'free', release: wanted.release };
  return { kind: id === endedId ? 'ended' : 'unknown' };
}

/** Throws `ddi.not_found`, `ddi.foreign_action` or `ddi.gone` for any other. */
export function openAction(found: FoundAction, id: number): OpenAction {
  switch (found.kind) {
    case 'unknown':
      throw noAction(id);
    case 'foreign':
      throw new DdiError('ddi.foreign_action', `action ${id} is not one of this device`);
    case 'ended':
      throw actionGone(id);
    default:
      return found;
  }
}
