import { createMemoryStore, createUpdateClient, type Fetcher, installRoot } from '@fleetward/updates';
import { createSelfUpdate, type SelfUpdate } from '../src/agent/self-update.ts';
import { openSlotFolder, type SlotFolder } from '../src/slots/folder.ts';
import { giveUp, prepareStart, type StartPlan, startFactory } from '../src/starter/prepare-start.ts';
import type { ForgetfulDisk } from './forgetful-disk.ts';
import { lampName, type TestRepository } from './test-repository.ts';

/** How an agent of some version behaves once it is started. */
export type AgentBehaviour = 'works' | 'dies' | 'hangs' | 'is cut off';

type Start = Extract<StartPlan, { kind: 'start' }>;
const attemptsMax = 3;

/**
 * A device whose agents update themselves, on a forgetful disk: the agent's real update of itself and the starter's real
 * decisions, over agents that only behave.
 */
export class SimulatedAgent {
  readonly disk: ForgetfulDisk;
  readonly folder: SlotFolder;
  /** What the platform heard, newest last. */
  readonly reports: ReturnType<SelfUpdate['status']>[] = [];
  readonly #repository: TestRepository;
  readonly #behaviourOf: (version: string) => AgentBehaviour;
  readonly #store = createMemoryStore();
  readonly #client;
  #running: { readonly plan: Start; readonly self: SelfUpdate } | undefined;

  constructor(
    disk: ForgetfulDisk,
    options: {
      readonly repository: TestRepository;
      readonly behaviourOf?: (version: string) => AgentBehaviour;
    },
  ) {
    this.disk = disk;
    this.folder = openSlotFolder(disk, '/agent');
    this.#repository = options.repository;
    this.#behaviourOf = options.behaviourOf ?? (() => 'works');
    const { clock } = options.repository;
    this.#client = createUpdateClient({
      store: this.#store,
      fetcher: this.#fetcher(),
      clock,
      thingName: lampName,
    });
  }

  /** Starts what the starter would start now. */
  boot(): Start {
    const plan = prepareStart(this.folder, { attemptsMax });
    const chosen = plan.kind === 'start' ? plan : (startFactory(plan.generation, '/factory/agent') as Start);
    this.#running = { plan: chosen, self: this.#open(chosen) };
    return chosen;
  }

  /** One turn of the agent that runs, and one of its starter. Answers what the starter has running then. */
  async turn(): Promise<Start> {
    if (this.#running === undefined) return this.boot();
    const { plan, self } = this.#running;
    const behaviour = this.#behaviourOf(plan.version);
    if (behaviour === 'works' || behaviour === 'is cut off') await this.#pass(self);
    if (behaviour !== 'works') this.#giveUpTrial(plan, behaviour);
    const read = this.folder.readSlots();
    const isOver = read.kind === 'ok' && read.state.generation !== plan.generation;
    return isOver || this.#running === undefined ? this.boot() : plan;
  }

  powerOff(): void {
    this.#running = undefined;
  }

  async #pass(self: SelfUpdate): Promise<void> {
    await installRoot(this.#store, this.#repository.root);
    const report = async () => void this.reports.push(self.status());
    if (!(await self.settle({ report }))) return;
    if ((await this.#client.refresh()).kind === 'unreachable') return;
    if (!(await self.update())) await report();
  }

  #giveUpTrial({ isTrial, generation }: Start, behaviour: AgentBehaviour): void {
    if (!isTrial) return;
    const reason = behaviour === 'dies' ? 'died-before-confirmation' : 'not-confirmed-in-time';
    giveUp(this.folder, {
      notes: this.folder.readNotes(generation),
      giveUp: { reason, explanation: behaviour },
    });
    this.#running = undefined;
  }

  #fetcher(): Fetcher {
    return {
      fetch: async (path, options) => {
        const isCutOff = this.#behaviourOf(this.#running?.plan.version ?? '') === 'is cut off';
        if (isCutOff) return { kind: 'unreachable', explanation: 'no route' };
        return this.#repository.fetcher.fetch(path, options);
      },
    };
  }

  #open({ slot, generation, version }: Start): SelfUpdate {
    return createSelfUpdate({
      client: this.#client,
      files: this.disk,
      folder: this.folder,
      model: { product: 'lamp', hardware: 'lamp-r1' },
      limits: {
        reserveBytes: 1000,
        refreshWithinMs: 60_000,
        downloadWithinMs: 60_000,
        checkpointBytes: 300,
        bytesPerSecondMin: 1,
      },
      startedFrom: { slot, generation, version },
    });
  }
}
