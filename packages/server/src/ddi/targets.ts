import type { JsonObject, ThingName } from '@fleetward/core';
import type { Campaigns } from '../campaigns/index.ts';
import type { ReleaseService } from '../releases/index.ts';
import type { DeviceReports } from '../things/index.ts';
import { Turns } from '../turns.ts';
import { type FoundAction, findAction, openAction, wantedFor } from './actions.ts';
import { type Digests, isConfirmed, type Wanted } from './documents.ts';
import { DdiError } from './errors.ts';
import { type DdiState, stateOf, withState } from './told-state.ts';

export interface TargetsParts {
  readonly reports: Pick<DeviceReports, 'find' | 'save'>;
  readonly releases: Pick<ReleaseService, 'releases' | 'release' | 'artifacts'>;
  readonly campaigns: Pick<Campaigns, 'offers' | 'findAction'>;
}

/** What a device said of itself, and what it is to install now. */
export interface Known {
  readonly report: JsonObject | undefined;
  readonly state: DdiState;
  readonly wanted: Wanted | undefined;
}

/** The devices that speak DDI, as far as they are known: what each said is kept in its report, and changed in turns. */
export class Targets {
  readonly #parts: TargetsParts;
  readonly #turns = new Turns();

  constructor(parts: TargetsParts) {
    this.#parts = parts;
  }

  async known(thingName: ThingName): Promise<Known> {
    const report = await this.reportOf(thingName);
    return { report, state: stateOf(report), wanted: wantedFor(this.#parts, { thingName, report }) };
  }

  async reportOf(thingName: ThingName): Promise<JsonObject | undefined> {
    return (await this.#parts.reports.find(thingName))?.report;
  }

  /** What a number stands for. */
  find(thingName: ThingName, id: number, { wanted, state }: Known): Promise<FoundAction> {
    return findAction(this.#parts, { thingName, id, wanted, endedId: state.endedId });
  }

  /** What the device is offered now under this number. Throws `DdiError`. */
  async offered(
    thingName: ThingName,
    id: number,
    { mayBeHeld = false }: { readonly mayBeHeld?: boolean } = {},
  ): Promise<Known & { readonly wanted: Wanted }> {
    const known = await this.known(thingName);
    const { wanted, state } = known;
    if (wanted?.id !== id) {
      openAction(await this.find(thingName, id, known), id);
      throw new DdiError('ddi.not_found', `action ${id} is not offered just now: ask the base for what is`);
    }
    if (!mayBeHeld && !isConfirmed(state, wanted))
      throw new DdiError('ddi.not_found', `action ${id} waits for its confirmation (confirmationBase)`);
    return { ...known, wanted };
  }

  /** Clients compare SHA-1, and look at nothing else. Throws `ddi.no_digests`. */
  async digestsOf({ release }: Wanted): Promise<Digests> {
    const { sha1, md5 } = (await this.#parts.releases.artifacts.find(release.sha256)) ?? {};
    if (sha1 !== undefined && md5 !== undefined) return { sha1, md5 };
    const message = `\`${release.path}\` was stored without SHA-1 and MD5, which DDI clients need: upload the artifact again`;
    throw new DdiError('ddi.no_digests', message);
  }

  /** Runs `work` while nothing else changes what is known of the device. */
  inTurn<Result>(thingName: ThingName, work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take(thingName, work);
  }

  /** One after the other, as each starts from what was kept before. */
  change(thingName: ThingName, change: (report: JsonObject | undefined) => JsonObject): Promise<void> {
    return this.inTurn(thingName, async () =>
      this.#parts.reports.save(thingName, change(await this.reportOf(thingName))),
    );
  }

  /** Kept with what is known of the device, so that it hears of a cancellation also after the platform was restarted. */
  noteGiven(thingName: ThingName, id: number | undefined): Promise<void> {
    return this.change(thingName, (report) => {
      const { givenId: _, ...state } = stateOf(report);
      return withState(report, { ...state, ...(id === undefined ? {} : { givenId: id }) });
    });
  }
}
