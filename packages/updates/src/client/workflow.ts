import { isUpdatesError } from '../errors.ts';
import type { SignedFile } from '../metadata/parse.ts';
import { countSignatures, type RoleKeys } from '../metadata/threshold.ts';
import { ok, type RefusalReason, refuse, type Step } from './outcome.ts';

/** What the workflow asks its driver to do; it does no input or output itself. */
export type ClientRequest =
  | { readonly kind: 'load'; readonly name: string }
  | { readonly kind: 'store'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'fetch'; readonly path: string; readonly bytesMax: number };

/** What the driver answers: `done` to `store` and `remove`, the others to `load` and `fetch`. */
export type ClientReply =
  | { readonly kind: 'done' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'absent' }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'unreachable'; readonly explanation: string };

/** A sans-I/O piece of the client: yields requests, takes replies, returns its result. */
export type Workflow<Result> = Generator<ClientRequest, Result, ClientReply>;

/** Reads one file of the trusted store. */
export function* load(name: string): Workflow<Uint8Array | undefined> {
  const reply = yield { kind: 'load', name };
  return reply.kind === 'bytes' ? reply.bytes : undefined;
}

export function* store(name: string, bytes: Uint8Array): Workflow<void> {
  yield { kind: 'store', name, bytes };
}

export function* remove(name: string): Workflow<void> {
  yield { kind: 'remove', name };
}

/** One fetch: the clause and role it is for, and the most bytes it may bring. */
interface Fetch {
  readonly step: string;
  readonly subject: string;
  readonly bytesMax: number;
}

/** Fetches one metadata file, of at most `bytesMax` bytes whatever the repository sends (endless data). */
export function* fetchFile(path: string, fetch: Fetch): Workflow<Step<Uint8Array | undefined>> {
  const { bytesMax } = fetch;
  const reply = yield { kind: 'fetch', path, bytesMax };
  switch (reply.kind) {
    case 'bytes':
      // The driver is told the bound; it is checked here as well.
      return reply.bytes.length > bytesMax ? tooLong(path, fetch) : ok(reply.bytes);
    case 'too-long':
      return tooLong(path, fetch);
    case 'unreachable':
      return { kind: 'unreachable', path, explanation: reply.explanation };
    default:
      return ok(undefined);
  }
}

/** Fetches a metadata file that must exist. */
export function* fetchRequired(path: string, fetch: Fetch): Workflow<Step<Uint8Array>> {
  const fetched = yield* fetchFile(path, fetch);
  if (fetched.kind !== 'ok') return fetched;
  if (fetched.value !== undefined) return ok(fetched.value);
  const explanation = `the repository has no \`${path}\``;
  return refuse(fetch.step, { subject: fetch.subject, reason: 'missing', explanation });
}

/** Parses received bytes; what the parser refuses is a verdict, not a failure. */
export function parsed<File>(
  subject: string,
  { step, parse }: { readonly step: string; readonly parse: () => File },
): Step<File> {
  try {
    return ok(parse());
  } catch (error) {
    if (!isUpdatesError(error)) throw error;
    return refuse(step, { subject, reason: 'malformed', explanation: error.message });
  }
}

/** Checks that a threshold of a role's keys signed a file. */
export function signedBy<Signed>(
  file: SignedFile<Signed>,
  { step, subject, role, as }: { step: string; subject: string; role: RoleKeys | undefined; as: string },
): Step<SignedFile<Signed>> {
  const count = role === undefined ? undefined : countSignatures(file, role);
  if (count?.isMet) return ok(file);
  const reason: RefusalReason = 'below-threshold';
  if (count === undefined)
    return refuse(step, { subject, reason, explanation: `${as} does not name this role` });
  const explanation = `${count.valid} of ${count.threshold} needed keys of ${as} signed it`;
  return refuse(step, { subject, reason, explanation });
}

/** Whether signed metadata has expired at `nowMs`; the moment of expiry is already too late. */
export function notExpired<Signed extends { readonly expires: string }>(
  file: SignedFile<Signed>,
  { step, subject, nowMs }: { readonly step: string; readonly subject: string; readonly nowMs: number },
): Step<SignedFile<Signed>> {
  if (nowMs < Date.parse(file.signed.expires)) return ok(file);
  const explanation = `it expired at ${file.signed.expires}; the refresh started at ${new Date(nowMs).toISOString()}`;
  return refuse(step, { subject, reason: 'expired', explanation });
}

function tooLong(path: string, { step, subject, bytesMax }: Fetch) {
  const explanation = `\`${path}\` has more than the ${bytesMax} bytes it may have`;
  return refuse(step, { subject, reason: 'too-long', explanation });
}
