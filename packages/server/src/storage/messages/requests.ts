/** What the thread of `messages.db` is started with. */
export interface MessageThreadSetup {
  readonly path: string;
  readonly busyTimeoutMs: number;
  /** The log is written back into the file when it has grown to this. */
  readonly checkpointBytes: number;
  /** `OFF` loses what was acknowledged when the power fails; it is there so that a test can see itself fail. */
  readonly synchronous: 'FULL' | 'OFF';
}

/** From the main thread; each gets one reply, in order. */
export type MessageThreadRequest =
  | { readonly kind: 'load' }
  /** Packed changes: the first `length` bytes of the buffer, which is transferred. */
  | { readonly kind: 'commit'; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'close' };

export interface MessageFileFigures {
  readonly messages: number;
  readonly fileBytes: number;
}

/** To the main thread. `opened` answers the start; `page` is followed by another `load` until `loaded` comes. */
export type MessageThreadReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'page'; readonly buffer: ArrayBuffer; readonly length: number }
  | {
      readonly kind: 'loaded';
      readonly lastSession: number;
      readonly lastMessage: number;
      readonly figures: MessageFileFigures;
    }
  /** The buffer comes back to be filled again. */
  | { readonly kind: 'committed'; readonly buffer: ArrayBuffer; readonly figures: MessageFileFigures }
  /** There is no room on the disk: nothing of the batch was done. */
  | { readonly kind: 'full' }
  | { readonly kind: 'closed' }
  /** SQLite's extended result code, or one of `NEWER` and `FOREIGN` below. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** A newer Fleetward wrote the file. */
export const NEWER = 'FLEETWARD_NEWER';
/** The file is a database of something else. */
export const FOREIGN = 'FLEETWARD_FOREIGN';
