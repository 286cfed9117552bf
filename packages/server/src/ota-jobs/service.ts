import type { ThingName } from '@fleetward/core';
import type { Action, Campaigns, CampaignUnderWay, Feedback } from '../campaigns/index.ts';
import type { Groups } from '../groups/index.ts';
import {
  type CampaignJobs,
  correctedExecution,
  type JobExecution,
  type WantedExecution,
} from '../jobs/index.ts';
import type { PublishedRelease, ReleaseService } from '../releases/index.ts';
import type { DeviceReports, Things } from '../things/index.ts';
import { type OtaDocument, otaDocument } from './document.ts';
import { feedbackOf } from './meaning.ts';
import { floorOf, reportAfter } from './outcome.ts';

export interface OtaJobsParts {
  readonly campaigns: Pick<Campaigns, 'underWay' | 'underWayOf' | 'offers' | 'feedback' | 'get'>;
  readonly jobs: CampaignJobs;
  readonly releases: Pick<ReleaseService, 'release'>;
  readonly things: Pick<Things, 'known'>;
  readonly reports: Pick<DeviceReports, 'find' | 'note'>;
  readonly groups: Pick<Groups, 'groupsOf' | 'withAncestors'>;
  /** Groups of which, and under which, things speak it. */
  readonly groupNames: readonly string[];
  /** Things of one campaign that one tick changes. */
  readonly stepsPerTickMax: number;
}

/** What one thing is to have, and what it said; nothing of either: all is as it should be. */
interface Look {
  readonly action: Action;
  readonly wanted?: WantedExecution;
  readonly feedback?: Feedback;
}

/**
 * What campaigns offer as jobs that AWS IoT's OTA libraries understand: one job for each campaign. At every tick what a device said is told to
 * its campaign, and executions are made what the campaign offers then; nothing that counts is remembered here, so a crash loses nothing.
 */
export class OtaJobs {
  readonly #parts: OtaJobsParts;
  /** Executions that were found as they should be, and in which state of their campaign: what changes is another object. */
  readonly #right = new WeakMap<Action, { readonly execution: JobExecution; readonly state: string }>();

  constructor(parts: OtaJobsParts) {
    this.#parts = parts;
  }

  /** A campaign that cannot go on holds up no other; the first failure is thrown once all had their turn. Call it often. */
  async advance(): Promise<void> {
    const { campaigns, jobs, groupNames } = this.#parts;
    if (groupNames.length === 0 && jobs.campaignIds.length === 0) return;
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>) => work.catch((cause: unknown) => void failures.push(cause));
    for (const run of campaigns.underWay) await attempt(this.#advance(run));
    for (const campaignId of jobs.campaignIds)
      if (campaigns.underWayOf(campaignId) === undefined) await attempt(this.#windUp(campaignId));
    if (failures.length > 0) throw failures[0];
  }

  /** From memory: whether the device may begin what is queued, or go on with what it began. */
  isOffered(campaignId: string, { thingName, status, executionNumber }: JobExecution): boolean {
    const { campaigns } = this.#parts;
    const action = campaigns.underWayOf(campaignId)?.actionOf(thingName);
    if (action === undefined) return false;
    if (status === 'IN_PROGRESS') return true;
    return this.#isFor(thingName) && this.#isOfferedNow(action) && action.attempts === executionNumber;
  }

  #isOfferedNow({ thingName, actionId }: Action): boolean {
    return this.#parts.campaigns.offers.of(thingName)?.actionId === actionId;
  }

  #isFor(thingName: ThingName): boolean {
    const { groups, groupNames } = this.#parts;
    if (groupNames.length === 0) return false;
    return groups.withAncestors(groups.groupsOf(thingName)).some((name) => groupNames.includes(name));
  }

  async #advance(run: CampaignUnderWay): Promise<void> {
    const { campaignId } = run.campaign;
    const looks = [...this.#look(run)];
    const failures: unknown[] = [];
    await Promise.all(
      looks.map(({ action, feedback }) => {
        if (feedback === undefined) return undefined;
        return this.#tell(run, { action, feedback }).catch((cause: unknown) => void failures.push(cause));
      }),
    );
    const wanted = await this.#fit(run, looks);
    for (const thingName of await this.#letGo(run.campaign, this.#strangers(run)))
      wanted.set(thingName, { kind: 'over' });
    await this.#parts.jobs.correct(campaignId, wanted);
    if (failures.length > 0) throw failures[0];
  }

  /** What is not as it should be, of so many things at most. */
  *#look(run: CampaignUnderWay): Generator<Look> {
    const { jobs, stepsPerTickMax } = this.#parts;
    const { campaignId, state, terms } = run.campaign;
    // Else a thing's hour, or the publication, makes of what was right what is not.
    const isSteady = terms.window === undefined && this.#published(run.campaign) !== undefined;
    const executionOf = jobs.executionsBy(campaignId);
    let left = stepsPerTickMax;
    for (const action of run.open) {
      if (left === 0) return;
      if (action.attempts === 0) continue;
      const execution = executionOf(action.thingName);
      const right = isSteady ? this.#right.get(action) : undefined;
      if (right !== undefined && right.execution === execution && right.state === state) continue;
      const feedback = execution && feedbackOf(execution, action);
      const wanted = this.#wantedOf(action, execution);
      if (feedback === undefined && wanted === undefined) {
        if (execution !== undefined && isSteady) this.#right.set(action, { execution, state });
        continue;
      }
      left--;
      // What it said may make another thing wanted of it.
      yield { action, ...(feedback === undefined ? { wanted: wanted! } : { feedback }) };
    }
  }

  #wantedOf(action: Action, execution: JobExecution | undefined): WantedExecution | undefined {
    const { state, attempts: attempt, thingName } = action;
    const wanted: WantedExecution = this.#isOfferedNow(action)
      ? { kind: 'offered', attempt }
      : { kind: state === 'SCHEDULED' ? 'given-up' : 'held' };
    if (execution !== undefined) return correctedExecution(execution, wanted, 0) && wanted;
    return wanted.kind === 'offered' && this.#isFor(thingName) ? wanted : undefined;
  }

  /** The report first: whoever is interrupted in between finds the action open, and does both again. */
  async #tell(
    { campaign }: CampaignUnderWay,
    { action, feedback }: { readonly action: Action; readonly feedback: Feedback },
  ): Promise<void> {
    const { reports, campaigns } = this.#parts;
    const { thingName, actionId } = action;
    if (feedback.event === 'confirm' || feedback.event === 'fail' || feedback.event === 'reject') {
      const { report } = (await reports.find(thingName)) ?? {};
      const release = this.#published(campaign) ?? unpublished(campaign, floorOf(report));
      await reports.note(thingName, reportAfter(report, { actionId, feedback, release }));
    }
    await campaigns.feedback.told({ thingName, actionId, feedback });
  }

  /** What is wanted, without what such a device cannot be given: that is rejected in its name. */
  async #fit(run: CampaignUnderWay, looks: readonly Look[]): Promise<Map<ThingName, WantedExecution>> {
    const { jobs, campaigns } = this.#parts;
    const wanted = new Map<ThingName, WantedExecution>();
    const release = this.#published(run.campaign);
    const document = release && otaDocument(release);
    await Promise.all(
      looks.map(async ({ action, wanted: want }) => {
        if (want === undefined || (want.kind === 'offered' && release === undefined)) return;
        const unfit =
          want.kind === 'offered' ? await this.#unfit(action, { release: release!, document }) : undefined;
        if (unfit === undefined) wanted.set(action.thingName, want);
        else await campaigns.feedback.told({ ...action, feedback: { event: 'reject', ...unfit } });
      }),
    );
    if (wanted.size > 0 && document?.kind === 'document' && !jobs.has(run.campaign.campaignId))
      await this.#begin(run, document);
    return wanted;
  }

  async #unfit(
    { thingName }: Action,
    { release, document }: { readonly release: PublishedRelease; readonly document: OtaDocument | undefined },
  ): Promise<Omit<Extract<OtaDocument, { kind: 'unfit' }>, 'kind'> | undefined> {
    if (document?.kind === 'unfit') return { cause: document.cause, explanation: document.explanation };
    const floor = floorOf((await this.#parts.reports.find(thingName))?.report);
    const { securityVersion } = release.release;
    if (securityVersion >= floor) return undefined;
    const explanation = `its security version is ${securityVersion}, and the device confirmed ${floor}`;
    return { cause: 'below-floor', explanation };
  }

  #begin(
    { campaign: { campaignId, name, createdBy } }: CampaignUnderWay,
    { document }: Extract<OtaDocument, { kind: 'document' }>,
  ): Promise<void> {
    return this.#parts.jobs.begin({ campaignId, description: name, document, createdBy });
  }

  /** Byte for byte what the campaign is for. */
  #published({ release: { path, sha256 } }: CampaignUnderWay['campaign']): PublishedRelease | undefined {
    const found = this.#parts.releases.release(path);
    return found?.sha256 === sha256 ? found : undefined;
  }

  *#strangers({ campaign, actionOf }: CampaignUnderWay): Generator<JobExecution> {
    for (const execution of this.#parts.jobs.executions(campaign.campaignId))
      if (actionOf(execution.thingName) === undefined) yield execution;
  }

  /** Executions of things whose action is over, some of them: answers whose are not over themselves. */
  async #letGo(
    campaign: CampaignUnderWay['campaign'] | undefined,
    strangers: Iterable<JobExecution>,
  ): Promise<readonly ThingName[]> {
    const { jobs, stepsPerTickMax } = this.#parts;
    const open: ThingName[] = [];
    let left = stepsPerTickMax;
    for (const execution of strangers) {
      const { thingName, status } = execution;
      if (left-- === 0) break;
      if (!isOver(execution)) {
        open.push(thingName);
        continue;
      }
      if (campaign !== undefined && status === 'SUCCEEDED') await this.#noteInstalled(campaign, execution);
      jobs.letGo(execution);
    }
    return open;
  }

  /** A device that succeeded in the second in which its action ended otherwise runs the release all the same. */
  async #noteInstalled(
    campaign: CampaignUnderWay['campaign'],
    { thingName, lastUpdatedAtMs }: JobExecution,
  ): Promise<void> {
    const { reports, things } = this.#parts;
    const { report, receivedAtMs = 0 } = (await reports.find(thingName)) ?? {};
    // Else it is told already, or the device has gone on since.
    if (receivedAtMs >= lastUpdatedAtMs || things.known(thingName) === undefined) return;
    const release = this.#published(campaign) ?? unpublished(campaign, floorOf(report));
    await reports.note(thingName, reportAfter(report, { feedback: { event: 'confirm' }, release }));
  }

  /** The campaign is over. */
  async #windUp(campaignId: string): Promise<void> {
    const { campaigns, jobs } = this.#parts;
    // Undefined: it was forgotten.
    const campaign = await campaigns.get(campaignId).catch(() => undefined);
    const open = await this.#letGo(campaign, jobs.executions(campaignId));
    await jobs.correct(campaignId, new Map(open.map((thingName) => [thingName, { kind: 'over' }])));
    const [left] = jobs.executions(campaignId);
    if (left !== undefined) return;
    await jobs.end(campaignId, campaign?.state === 'COMPLETED' ? 'complete' : 'cancel');
  }
}

function isOver(execution: JobExecution): boolean {
  return correctedExecution(execution, { kind: 'over' }, 0) === undefined;
}

/** A campaign may outlive the publication of its release: the floor stays where it was. */
function unpublished(
  { release }: CampaignUnderWay['campaign'],
  securityVersion: number,
): Parameters<typeof reportAfter>[1]['release'] {
  const { sha256 } = release;
  return { sha256, release: { ...release, securityVersion } };
}
