import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@fleetward/testkit';
import { expect } from 'vitest';
import type { ApiSession } from './api-session.ts';
import { kill, serve, startStep } from './platform-process.ts';
import { assertWhole, type VerifiedTrail } from './whole.ts';

/** What somebody outside does to the platform until it is gone; rejects with whatever the kill does to it. */
type Load = (gone: AbortSignal) => Promise<unknown>;

interface KillLoop {
  readonly rounds: number;
  /** Prepares what a round does, while nothing is killed. */
  readonly begin: (round: number) => Promise<Load>;
  /** How much was answered so far, over all rounds. */
  readonly answered: () => number;
  /** Of what a round can be answered, any part below this may be before its kill: also nothing. */
  readonly answersMax: number;
  /** The kill comes up to so much later. */
  readonly pauseMsMax: number;
  /** Whether the start after the round's kill is killed too, before the one that is let be. */
  readonly isStartCut?: (round: number) => boolean;
  /** What was answered and is not there after the restart, in words. May fail the test for what is there by halves. */
  readonly lost: (trail: VerifiedTrail, round: number) => Promise<readonly string[]>;
}

/** Kills the platform once a round, at a moment that FLEETWARD_SEED decides, serves again, and looks at what is left. */
export async function killEachRound(session: ApiSession, loop: KillLoop): Promise<void> {
  const seed = Number(process.env.FLEETWARD_SEED ?? randomInt(2 ** 31));
  const below = uniform(seed);
  // How long a start took just before is how long the next may.
  let startMs = 1_000;
  for (let round = 0; round < loop.rounds; round++) {
    try {
      const load = await loop.begin(round);
      await killDuring(load, { session, loop, below });
      if (loop.isStartCut?.(round) === true) await cutStart(session, below(startMs));
      const began = performance.now();
      session.restart(await serve(session.settings));
      startMs = Math.ceil(performance.now() - began);
      const lost = await loop.lost(await assertWhole(session), round);
      expect({ seed, round, lost }).toEqual({ seed, round, lost: [] });
    } catch (cause) {
      throw new Error(`round ${round} with FLEETWARD_SEED=${seed}: ${String(cause)}`, { cause });
    }
  }
}

type Below = (limit: number) => number;

function uniform(seed: number): Below {
  const random = seededRandom(seed);
  return (limit) => new DataView(random.bytes(4).buffer).getUint32(0) % limit;
}

async function killDuring(
  load: Load,
  { session, loop, below }: { readonly session: ApiSession; readonly loop: KillLoop; readonly below: Below },
): Promise<void> {
  const enough = loop.answered() + below(loop.answersMax);
  const gone = new AbortController();
  let isOver = false;
  const over = load(gone.signal)
    .catch(() => undefined)
    .finally(() => {
      isOver = true;
    });
  while (loop.answered() < enough && !isOver) await sleep(1);
  await sleep(below(loop.pauseMsMax));
  await kill(session.child);
  gone.abort();
  await over;
}

async function cutStart({ settings }: ApiSession, afterMs: number): Promise<void> {
  const child = startStep('serve', settings);
  await sleep(afterMs);
  await kill(child);
}
