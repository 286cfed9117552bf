import type { Transaction, Transactor } from '@fleetward/core';
import { actionSteps, isEnd } from '../../src/campaigns/steps.ts';
import type { Action, ActionCount, Campaign, CampaignStore } from '../../src/campaigns/store.ts';

/** Records in memory with real transactions: what is rolled back was never there. Refuses a step that the table does not have. */
export class MemoryRecords implements CampaignStore {
  readonly #campaigns = new Map<string, Campaign>();
  readonly #actions = new Map<number, Action>();
  /** Things that were offered a release, in the order of the commits. */
  readonly offered: Action[] = [];
  /** The next transactions that fail at their end. */
  failures = 0;

  readonly transactor: Transactor = {
    transact: async (work) => {
      const undo: (() => void)[] = [];
      const effects: (() => void)[] = [];
      const tx = { afterCommit: (effect: () => void) => void effects.push(effect), undo };
      try {
        const result = await work(tx as unknown as Transaction);
        if (this.failures > 0) {
          this.failures--;
          throw new Error('the disk is full');
        }
        for (const effect of effects) effect();
        return result;
      } catch (error) {
        for (const step of undo.reverse()) step();
        throw error;
      }
    },
  };

  async add(tx: Transaction, campaign: Campaign): Promise<void> {
    this.#set(tx, this.#campaigns, campaign.campaignId, campaign);
  }

  async update(tx: Transaction, campaign: Campaign): Promise<void> {
    this.#set(tx, this.#campaigns, campaign.campaignId, campaign);
  }

  async remove(tx: Transaction, { campaignId, actionsMax }: { campaignId: string; actionsMax: number }) {
    const some = [...this.#actions.values()].filter((one) => one.campaignId === campaignId);
    for (const { actionId } of some.slice(0, actionsMax)) this.#set(tx, this.#actions, actionId, undefined);
    if (some.length >= actionsMax) return false;
    this.#set(tx, this.#campaigns, campaignId, undefined);
    return true;
  }

  async campaigns(): Promise<readonly Campaign[]> {
    return [...this.#campaigns.values()].toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  }

  async saveActions(tx: Transaction, actions: readonly Action[]): Promise<void> {
    for (const action of actions) {
      if (JSON.stringify(action).includes('\\u0000')) throw new Error('PostgreSQL has no NUL in a text');
      this.#assertStep(this.#actions.get(action.actionId), action);
      this.#set(tx, this.#actions, action.actionId, action);
      if (action.state === 'OFFERED') tx.afterCommit(() => this.offered.push(action));
    }
  }

  #assertStep(before: Action | undefined, { actionId, state, campaignId }: Action): void {
    const wrong = (what: string) => new Error(`action ${actionId}: ${what}`);
    if (before === undefined) {
      if (state !== 'SCHEDULED') throw wrong(`begins as ${state}`);
      return;
    }
    if (isEnd(before.state)) throw wrong(`goes from the end ${before.state} to ${state}`);
    const reached: readonly string[] = Object.values(actionSteps[before.state]);
    if (!reached.includes(state)) throw wrong(`goes from ${before.state} to ${state}`);
    const campaign = this.#campaigns.get(campaignId);
    if (state === 'OFFERED' && campaign?.state !== 'RUNNING')
      throw wrong(`is offered by a campaign that is ${campaign?.state}`);
  }

  async actions(range: Parameters<CampaignStore['actions']>[0]): Promise<readonly Action[]> {
    const { campaignId, state, after = 0, limit } = range;
    const page: Action[] = [];
    for (const action of this.#actions.values()) {
      if (page.length === limit) break;
      if (action.campaignId !== campaignId || action.actionId <= after) continue;
      if (state === undefined || action.state === state) page.push(action);
    }
    return page;
  }

  async action(actionId: number): Promise<Action | undefined> {
    return this.#actions.get(actionId);
  }

  async lastActionId(): Promise<number> {
    return Math.max(0, ...[...this.#actions.keys()].slice(-1));
  }

  async counts(campaignId: string): Promise<readonly ActionCount[]> {
    const counts = new Map<string, ActionCount>();
    for (const { campaignId: of, stage, state, cause } of this.#actions.values()) {
      if (of !== campaignId) continue;
      const key = `${stage} ${state} ${cause}`;
      counts.set(key, { stage, state, cause, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  async previous(campaignId: string) {
    const found = new Map<string, { version: string; sha256: string; things: number }>();
    for (const { campaignId: of, fromVersion, fromSha256 } of this.#actions.values()) {
      if (of !== campaignId || fromVersion === undefined || fromSha256 === undefined) continue;
      const known = found.get(fromSha256) ?? { version: fromVersion, sha256: fromSha256, things: 0 };
      found.set(fromSha256, { ...known, things: known.things + 1 });
    }
    return [...found.values()].toSorted((a, b) => b.things - a.things);
  }

  all(): readonly Action[] {
    return [...this.#actions.values()];
  }

  #set<Key, Value>(tx: Transaction, map: Map<Key, Value>, key: Key, value: Value | undefined): void {
    const before = map.get(key);
    const put = (what: Value | undefined) => (what === undefined ? map.delete(key) : map.set(key, what));
    put(value);
    (tx as unknown as { undo: (() => void)[] }).undo.push(() => put(before));
  }
}
