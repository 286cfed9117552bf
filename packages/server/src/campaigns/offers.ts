import type { Clock, Sha256, ThingName } from '@fleetward/core';
import type { Things } from '../things/index.ts';
import type { CampaignBook } from './book.ts';

export interface OffersParts {
  readonly book: CampaignBook;
  readonly things: Pick<Things, 'known'>;
  readonly clock: Clock;
  readonly limits: { readonly required: boolean };
  /** Told when a thing fetches what it is offered. */
  readonly fetched: (thingName: ThingName, offer: CampaignOffer) => void;
}

/** What a thing is to install now: a release of the published targets. */
export interface CampaignOffer {
  readonly campaignId: string;
  readonly actionId: number;
  readonly path: string;
  readonly sha256: Sha256;
  readonly lengthBytes: number;
}

interface Device {
  readonly thingName?: ThingName;
}

/** What things are offered now, and may fetch because of it: by a campaign, or by the publication of a release. All from memory. */
export class CampaignOffers {
  readonly #parts: OffersParts;

  constructor(parts: OffersParts) {
    this.#parts = parts;
  }

  /** What the thing is offered now, of all campaigns; never two things at once. */
  of(thingName: ThingName): CampaignOffer | undefined {
    const { book, things, clock } = this.#parts;
    const found = book.activeOf(thingName);
    if (found === undefined) return undefined;
    const { campaignId, release } = found.run.campaign;
    const timeZone = things.known(thingName)?.attributes.timezone;
    if (!found.run.isOffered(found.action, { nowMs: clock.now(), timeZone })) return undefined;
    if (!book.isPublished(found.run.campaign)) return undefined;
    const { path, sha256, lengthBytes } = release;
    return { campaignId, actionId: found.action.actionId, path, sha256, lengthBytes };
  }

  /** Whether a device may be at what some campaign offered the thing, so that it is offered nothing else. */
  isBusy(thingName: ThingName): boolean {
    return this.#parts.book.activeOf(thingName) !== undefined;
  }

  /** Whether a release is offered by its publication, to everybody it fits. */
  isFree(sha256: Sha256): boolean {
    return !this.#parts.limits.required && !this.#parts.book.isHeld(sha256);
  }

  /** Whether the thing is offered these bytes. That it fetches them is noted. */
  mayFetch({ thingName }: Device, { sha256 }: { readonly sha256: Sha256 }): boolean {
    const offer = thingName && this.of(thingName);
    if (thingName === undefined || offer?.sha256 !== sha256) return this.isFree(sha256);
    this.#parts.fetched(thingName, offer);
    return true;
  }

  /** What its campaign caps the download with. */
  capsOf(
    { thingName }: Device,
    { sha256 }: { readonly sha256: Sha256 },
  ): readonly { readonly key: string; readonly bytesPerSecond: number }[] {
    const offer = thingName && this.of(thingName);
    if (offer?.sha256 !== sha256) return [];
    const { campaignId } = offer;
    const bytesPerSecond = this.#parts.book.run(campaignId)?.campaign.terms.bytesPerSecondMax;
    return bytesPerSecond === undefined ? [] : [{ key: `campaign ${campaignId}`, bytesPerSecond }];
  }
}
