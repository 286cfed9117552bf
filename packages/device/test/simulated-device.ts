import {
  createMemoryStore,
  createUpdateClient,
  type FileLayer,
  fileStoreOn,
  installRoot,
  type TrustedStore,
} from '@fleetward/updates';
import { type CheckParts, checkOnce } from '../src/agent/check-once.ts';
import type { CheckOutcome } from '../src/agent/outcome.ts';
import { openSlotFolder, type SlotFolder } from '../src/slots/folder.ts';
import type { SlotName } from '../src/slots/state.ts';
import { giveUp, prepareStart, type StartPlan } from '../src/starter/prepare-start.ts';
import type { ForgetfulDisk } from './forgetful-disk.ts';
import { lampName, type TestRepository } from './test-repository.ts';

export type Behaviour = 'healthy' | 'unhealthy' | 'dies';
const attemptsMax = 3;

/**
 * A device on a forgetful disk: the real agent's pass and the real starter's decisions, over a program that only behaves.
 * The starter acts whenever the agent pauses, as its own process would.
 */
export class SimulatedDevice {
  readonly disk: ForgetfulDisk;
  readonly folder: SlotFolder;
  readonly #repository: Pick<TestRepository, 'root' | 'fetcher' | 'clock'>;
  readonly #behaviourOf: (version: string) => Behaviour;
  #running: Extract<StartPlan, { kind: 'start' }> | undefined;
  readonly #store: TrustedStore;

  constructor(
    disk: ForgetfulDisk,
    options: {
      readonly repository: Pick<TestRepository, 'root' | 'fetcher' | 'clock'>;
      readonly behaviourOf?: (version: string) => Behaviour;
      /** What it trusts is on the disk too, and not in a memory that no power cut reaches. */
      readonly isTrustOnDisk?: boolean;
    },
  ) {
    this.disk = disk;
    this.#store = options.isTrustOnDisk ? fileStoreOn(layerOf(disk), '/trusted') : createMemoryStore();
    this.folder = openSlotFolder(disk, '/slots');
    this.#repository = options.repository;
    this.#behaviourOf = options.behaviourOf ?? (() => 'healthy');
  }

  /** One pass of the agent, the starter running beside it. */
  async pass(overrides: Partial<CheckParts> = {}, stop?: AbortSignal): Promise<CheckOutcome> {
    const { fetcher, clock, root } = this.#repository;
    await installRoot(this.#store, root);
    const parts: CheckParts = {
      client: createUpdateClient({
        store: this.#store,
        fetcher,
        clock,
        thingName: lampName,
        memoryBytes: () => 1e9,
      }),
      files: this.disk,
      folder: this.folder,
      model: { product: 'lamp', hardware: 'lamp-r1' },
      trial: {
        settings: { startWithinMs: 5, pollMs: 1, probeTries: 2, probePauseMs: 1 },
        probe: async () => this.#probe(),
        pause: async () => this.starterTurn(),
        isAlive: (pid) => pid === 1 && this.#running !== undefined,
      },
      limits: {
        reserveBytes: 1000,
        refreshWithinMs: 60_000,
        downloadWithinMs: 60_000,
        checkpointBytes: 300,
        bytesPerSecondMin: 1,
      },
      ...overrides,
    };
    return checkOnce(parts, stop);
  }

  /** Starts what the starter would start now. */
  boot(): StartPlan {
    const plan = prepareStart(this.folder, { attemptsMax });
    if (plan.kind === 'nothing') return plan;
    this.#running = plan;
    const notes = this.folder.readNotes(plan.generation);
    this.folder.writeNotes({ ...notes, running: { slot: plan.slot as SlotName, pid: 1 } });
    this.#dieIfItMust(plan);
    return plan;
  }

  starterTurn(): void {
    const read = this.folder.readSlots();
    const isRight = read.kind === 'ok' && this.#running?.generation === read.state.generation;
    if (!isRight) this.boot();
  }

  /** Nothing runs any longer. */
  powerOff(): void {
    this.#running = undefined;
  }

  #probe() {
    const isHealthy = this.#running !== undefined && this.#behaviourOf(this.#running.version) === 'healthy';
    return isHealthy
      ? { kind: 'healthy' as const }
      : { kind: 'unhealthy' as const, explanation: 'it says so' };
  }

  #dieIfItMust(plan: Extract<StartPlan, { kind: 'start' }>): void {
    if (!plan.isTrial || this.#behaviourOf(plan.version) !== 'dies') return;
    const notes = this.folder.readNotes(plan.generation);
    giveUp(this.folder, {
      notes,
      giveUp: { reason: 'died-before-confirmation', explanation: 'it ended with code 1' },
    });
    this.#running = undefined;
  }
}

/** The disk as the store of the trusted metadata sees one. */
function layerOf(disk: ForgetfulDisk): FileLayer {
  const reopened = (path: string) => disk.resume(path, disk.lengthBytes(path) ?? 0);
  return {
    read: async (path) => disk.read(path),
    write: async (path, bytes) => disk.create(path).write(bytes),
    syncFile: async (path) => reopened(path).sync(),
    rename: async (from, to) => disk.rename(from, to),
    remove: async (path) => disk.remove(path),
    syncFolder: async (path) => disk.syncFolder(path),
  };
}
