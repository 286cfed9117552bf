export interface StarterSettings {
  /** Program and arguments; `{image}` and `{slot}` are filled in, and no shell reads them. */
  readonly command: readonly string[];
  /** Starts of an image before it is confirmed. */
  readonly attemptsMax: number;
  /** How long an image may run unconfirmed. */
  readonly confirmWithinMs: number;
  /** How long a program may take to end when asked to. */
  readonly stopWithinMs: number;
  /** How often `slots.json` is looked at. */
  readonly pollMs: number;
  /** Longest pause before a proven image that died is started again. */
  readonly restartPauseMaxMs: number;
  /** What the device was shipped with: started when no slot can be, and when what the slots hold keeps dying. */
  readonly factoryImage?: string;
}

export const defaultStarterSettings: Omit<StarterSettings, 'command'> = {
  attemptsMax: 3,
  confirmWithinMs: 600_000,
  stopWithinMs: 10_000,
  pollMs: 250,
  restartPauseMaxMs: 60_000,
};
