import { realpathSync } from 'node:fs';
import { markVariable } from '../starter/orphans.ts';
import type { StartPlace } from '../starter/prepare-start.ts';

/** What the starter says about the agent that it started. */
export interface StartedFrom {
  readonly slot: StartPlace;
  /** Of the slots, at the start. */
  readonly generation: number;
  readonly version: string;
}

/** How a starter of this slot folder started us; nothing when none did, as when a person runs the agent by hand. */
export function startedFrom(
  slotsFolder: string,
  environment: Readonly<Record<string, string | undefined>>,
): StartedFrom | undefined {
  const { FLEETWARD_SLOT: slot, FLEETWARD_VERSION: version, FLEETWARD_GENERATION: generation } = environment;
  if (environment[markVariable] !== realpathSync(slotsFolder) || version === undefined) return undefined;
  if (slot !== 'a' && slot !== 'b' && slot !== 'factory') return undefined;
  return { slot, version, generation: Number(generation) };
}
