import type { CertificateId, Clock, JsonObject, Random, ThingName, Transactor } from '@fleetward/core';
import type { Denials } from '../denials/index.ts';
import { Inbox } from '../inbox.ts';
import type { CampaignBook } from './book.ts';
import { CampaignsError } from './errors.ts';
import type { CampaignOffer } from './offers.ts';
import { actionIdOf, type Feedback, judgeReport } from './report.ts';
import type { CampaignRun } from './run.ts';
import type { Action, CampaignStore } from './store.ts';

export interface DeviceFeedbackParts {
  readonly book: CampaignBook;
  readonly store: Pick<CampaignStore, 'action'>;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly random: Random;
  readonly denials: Pick<Denials, 'record'>;
  readonly limits: { readonly feedbackPendingMax: number };
  /** Runs `work` while nothing else changes a campaign. */
  readonly inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

/** What a device said of itself, and who brought it. */
export interface ToldReport {
  readonly thingName: ThingName;
  readonly certificateId: CertificateId;
  readonly remoteAddress: string;
  readonly report: JsonObject;
}

/** What the device of a thing said of its action. */
interface Letter {
  readonly thingName: ThingName;
  readonly campaignId: string;
  readonly actionId: number;
  readonly feedback: Feedback;
}

/** Outcomes that one transaction makes durable. */
const lettersMax = 500;

/** What devices say of their actions, whatever protocol they speak: many in one transaction, answered when it is durable. */
export class DeviceFeedback {
  readonly #parts: DeviceFeedbackParts;
  readonly #inbox: Inbox<Letter, undefined>;
  readonly #fetching = new Set<number>();

  constructor(parts: DeviceFeedbackParts) {
    this.#parts = parts;
    this.#inbox = new Inbox({
      waitingMax: parts.limits.feedbackPendingMax,
      batchMax: lettersMax,
      write: (letters) => parts.inTurn(() => this.#settle(letters)),
    });
  }

  /** Outcomes that wait to be kept. */
  get waiting(): number {
    return this.#inbox.waiting;
  }

  /**
   * Takes the outcome out of what the agent of a thing reports; resolves when it is durable. Throws `campaigns.action_unknown` for a
   * report about the action of another thing, which is recorded.
   */
  async reported({ thingName, report, ...peer }: ToldReport): Promise<void> {
    const named = actionIdOf(report);
    if (named !== undefined && !(await this.#isActionOf(thingName, named)))
      throw this.#foreign({ thingName, ...peer }, named);
    for (const run of this.#parts.book.runs) {
      const action = run.actionOf(thingName);
      if (action === undefined || action.attempts === 0) continue;
      const feedback = judgeReport(report, run.campaign.release);
      if (feedback === undefined) continue;
      const { campaignId } = run.campaign;
      await this.#inbox.put({ thingName, campaignId, actionId: action.actionId, feedback });
    }
  }

  /** Takes what the device of a thing said of its action; resolves when it is durable. Of one that is not open it says nothing. */
  async told({ thingName, actionId, feedback }: Omit<Letter, 'campaignId'>): Promise<void> {
    const run = this.#runAt(thingName, actionId);
    if (run === undefined) return;
    await this.#inbox.put({ thingName, campaignId: run.campaign.campaignId, actionId, feedback });
  }

  /** Once for an offer. What cannot be kept is noted with the next request for a part of it. */
  fetched(thingName: ThingName, { campaignId, actionId }: CampaignOffer): void {
    if (this.#parts.book.activeOf(thingName)?.action.state !== 'OFFERED' || this.#fetching.has(actionId))
      return;
    this.#fetching.add(actionId);
    const done = () => void this.#fetching.delete(actionId);
    this.#inbox.put({ thingName, campaignId, actionId, feedback: { event: 'download' } }).then(done, done);
  }

  async #isActionOf(thingName: ThingName, actionId: number): Promise<boolean> {
    if (this.#runAt(thingName, actionId) !== undefined) return true;
    return (await this.#parts.store.action(actionId))?.thingName === thingName;
  }

  /** The campaign in which the thing is at this action. */
  #runAt(thingName: ThingName, actionId: number): CampaignRun | undefined {
    return this.#parts.book.runs.find((run) => run.actionOf(thingName)?.actionId === actionId);
  }

  #foreign(peer: Omit<ToldReport, 'report'>, actionId: number): CampaignsError {
    const explanation = `the report is about action ${actionId}, which is not one of thing \`${peer.thingName}\``;
    this.#parts.denials.record({ ...peer, cause: 'foreign_feedback', explanation });
    return new CampaignsError('campaigns.action_unknown', explanation);
  }

  /** All in one transaction. What came to nothing meanwhile changes nothing. */
  async #settle(letters: readonly Letter[]): Promise<readonly undefined[]> {
    const { book, clock, random, transactor } = this.#parts;
    const settled = new Map<CampaignRun, Map<ThingName, Action>>();
    for (const { campaignId, thingName, actionId, feedback } of letters) {
      const run = book.run(campaignId);
      if (run === undefined) continue;
      const changed = settled.get(run) ?? new Map<ThingName, Action>();
      const action = changed.get(thingName) ?? run.actionOf(thingName);
      if (action?.actionId !== actionId) continue;
      const after = run.settled(action, feedback, { nowMs: clock.now(), random });
      if (after !== undefined) settled.set(run, changed.set(thingName, after));
    }
    if (settled.size > 0)
      await transactor.transact(async (tx) => {
        for (const [run, changed] of settled)
          await book.saveWithin(tx, run, { actions: [...changed.values()] });
      });
    return letters.map(() => undefined);
  }
}
