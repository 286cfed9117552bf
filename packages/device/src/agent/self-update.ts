import { confirmedVersion, isOnTrial, type SlotsState } from '../slots/state.ts';
import type { CheckParts } from './check-once.ts';
import { chooseTarget } from './choose-target.ts';
import { changeSlots, installRelease } from './install.ts';
import { type CheckOutcome, refusedByDevice } from './outcome.ts';
import type { StartedFrom } from './started-from.ts';
import { agentVersion } from './version.ts';
import { within } from './within.ts';

/** What the agent's own update works with: slots of its own, and the starter that runs it out of them. */
export interface SelfUpdateParts
  extends Pick<CheckParts, 'client' | 'files' | 'folder' | 'model' | 'limits'> {
  readonly startedFrom: StartedFrom;
}

/** How the agent replaces itself. It never judges another agent: each one proves itself or is given up by the starter. */
export interface SelfUpdate {
  /**
   * At the beginning of a pass. An agent on trial confirms itself once it reached the platform both ways; one that runs
   * again after a failed trial notes the failure. Answers whether the agent that runs is to be relied on.
   */
  settle(options: { readonly report: () => Promise<void>; readonly stop?: AbortSignal }): Promise<boolean>;
  /** After a refresh. Installs a newer agent and switches to it; answers whether the starter will now end this one. */
  update(stop?: AbortSignal): Promise<boolean>;
  /** What runs, and how its last update ended. */
  status(): { readonly version: string; readonly slot: StartedFrom['slot']; readonly outcome: CheckOutcome };
}

export function createSelfUpdate(parts: SelfUpdateParts): SelfUpdate {
  const { folder, startedFrom } = parts;
  const { slot } = startedFrom;
  const version = slot === 'factory' ? agentVersion : startedFrom.version;
  let outcome: CheckOutcome = { kind: 'current', version };

  /** How an update ended stays said while nothing newer is to be said. */
  function note(next: CheckOutcome): void {
    const isNews = next.kind !== 'current' && !(next.kind === 'refused' && next.reason === 'failed-before');
    const isSaid = outcome.kind === 'confirmed' || outcome.kind === 'rolled-back';
    if (isNews || !isSaid) outcome = next;
  }

  return {
    async settle({ report, stop }) {
      const state = readState(parts, note);
      if (state === undefined || !isOnTrial(state)) return true;
      const isUs = slot === state.active && startedFrom.generation === state.generation;
      if (!isUs) {
        note(settleOther(state, parts));
        return true;
      }
      note(await prove(state, { ...parts, report, stop }));
      return outcome.kind === 'confirmed';
    },
    async update(stop) {
      const state = readState(parts, note);
      if (state === undefined || isOnTrial(state)) return false;
      const { client, model } = parts;
      const choice = chooseTarget(client.targets(), {
        component: 'agent',
        model,
        state,
        factoryVersion: agentVersion,
        isDirected: client.isDirected(),
      });
      if (choice.kind !== 'install') {
        note(choice.kind === 'none' ? { kind: 'current', version } : choice);
        return false;
      }
      const { files, limits } = parts;
      const work = (signal: AbortSignal) =>
        installRelease(choice.offer, { client, files, folder, limits, state, signal });
      const installed = await within(limits.downloadWithinMs, { stop, work });
      const { version: next } = choice.offer.release;
      const explanation = 'it is started next';
      note(installed.kind === 'switched' ? { kind: 'waiting', version: next, explanation } : installed);
      return installed.kind === 'switched';
    },
    status: () => ({ version, slot, outcome }),
  };
}

/** Damaged slots of the agent are reported and left alone: the firmware is looked after all the same. */
function readState(
  { folder }: SelfUpdateParts,
  note: (outcome: CheckOutcome) => void,
): SlotsState | undefined {
  const read = folder.readSlots();
  if (read.kind === 'ok') return read.state;
  const { explanation } = read;
  note(refusedByDevice(`${folder.path}/slots.json`, { reason: 'slots-damaged', explanation }));
  return undefined;
}

/** Another agent is on trial than the one that runs: its failure, or that it was not started yet. */
function settleOther(state: SlotsState, { folder }: SelfUpdateParts): CheckOutcome {
  const { version } = state.slots[state.active]!; // on trial: there is one
  const { givenUp } = folder.readNotes(state.generation);
  if (givenUp === undefined)
    return { kind: 'waiting', version, explanation: 'the starter has not started it' };
  const { reason, explanation } = givenUp;
  changeSlots(folder, { state, event: { kind: 'failed', reason } });
  return { kind: 'rolled-back', version, to: confirmedVersion(state), reason, explanation };
}

interface Proof extends SelfUpdateParts {
  readonly report: () => Promise<void>;
  readonly stop: AbortSignal | undefined;
}

/** An agent is good when it can be replaced again: it refreshed the metadata, and the platform took its report. */
async function prove(
  state: SlotsState,
  { client, folder, limits, report, stop }: Proof,
): Promise<CheckOutcome> {
  const { version } = state.slots[state.active]!; // on trial: there is one
  const notYet = (why: string): CheckOutcome => {
    return { kind: 'waiting', version, explanation: `not confirmed yet: ${why}` };
  };
  const work = (signal: AbortSignal) => client.refresh({ signal });
  const refreshed = await within(limits.refreshWithinMs, { stop, work });
  if (refreshed.kind === 'refused' || refreshed.kind === 'unreachable') return notYet(refreshed.explanation);
  try {
    await report();
  } catch (error) {
    return notYet(error instanceof Error ? error.message : String(error)); // told again until it is taken
  }
  changeSlots(folder, { state, event: { kind: 'confirmed' } });
  return { kind: 'confirmed', version, from: confirmedVersion(state) };
}
