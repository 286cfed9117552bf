import { KeysError } from '../errors.ts';
import type { SigningChild } from './child.ts';
import { type PendingLimits, PendingRequests } from './pending-requests.ts';

/** How the signing process ended. */
export interface SigningProcessExit {
  /** False when the process ended without `close`: signers of it are dead, start another. */
  readonly expected: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const closeTimeoutMs = 5_000;

/** A running child with what it was asked. */
export interface Link {
  readonly child: SigningChild;
  readonly requests: PendingRequests;
  readonly exited: Promise<SigningProcessExit>;
  /** Ends the child and resolves when it is gone. */
  end(): Promise<void>;
}

/** Listens to the child: answers settle requests, and its end, in whatever way, rejects those that are left. */
export function connect(child: SigningChild, limits: PendingLimits): Link {
  const kill = (): void => void child.process.kill('SIGKILL');
  const requests = new PendingRequests({
    limits,
    write: (bytes) => child.channel.write(bytes),
    onTimeout: kill,
  });
  let closing = false;
  child.channel.on('data', (chunk: Uint8Array) => {
    try {
      requests.receive(chunk);
    } catch (cause) {
      requests.end(
        new KeysError('keys.protocol', 'the signing process does not speak the protocol', { cause }),
      );
      kill();
    }
  });
  // Without its channel the child is of no use; writing to a dead one is answered by its exit.
  child.channel.on('error', kill);
  child.channel.on('close', () => void (closing || kill()));
  const exited = exitOf(child).then(({ code, signal }) => {
    requests.end(
      new KeysError('keys.signer_gone', `the signing process ended (${signal ?? `exit code ${code}`})`),
    );
    return { expected: closing, code, signal };
  });
  const end = async (): Promise<void> => {
    closing = true;
    child.channel.end();
    const timer = setTimeout(kill, closeTimeoutMs);
    await exited;
    clearTimeout(timer);
  };
  return { child, requests, exited, end };
}

function exitOf(
  child: SigningChild,
): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => {
    child.process.once('error', () => resolve({ code: null, signal: null }));
    child.process.once('close', (code, signal) => resolve({ code, signal }));
  });
}
