/** The steps an installer knows. Each may come again after a power cut, and then ends as if it had come once. */
export type InstallerVerb = 'install' | 'switch' | 'confirm' | 'rollback' | 'status';

/** A verified image, as a file of the agent's. */
export interface InstallerImage {
  readonly version: string;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly lengthBytes: number;
  readonly path: string;
}

export type InstallerAnswer =
  | { readonly kind: 'done'; readonly output: Uint8Array }
  /** Not now: it may work later. */
  | { readonly kind: 'again'; readonly explanation: string }
  | { readonly kind: 'failed'; readonly explanation: string };

/**
 * What puts images where the device runs them from, in place of the starter and its two slots: `docs/how-to/installers.md` has
 * the contract. It is not believed: what runs after a step is asked for, and probed.
 */
export interface Installer {
  /** What the installer came to is the answer, that it hangs too; rejects only when it is told to stop. */
  ask(verb: InstallerVerb, options: AskOptions): Promise<InstallerAnswer>;
}

export interface AskOptions {
  /** Which one a step is about; nothing for a `status` while nothing is being installed. */
  readonly image?: InstallerImage | undefined;
  readonly stop?: AbortSignal | undefined;
}
