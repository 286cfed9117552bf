/** A CONNECT of a certificate: when, from which network, as which client. */
export interface Seen {
  readonly atMs: number;
  readonly network: string;
  readonly clientId: string;
}

/** With the address itself, for the operator. */
export interface SeenFrom extends Seen {
  readonly remoteAddress: string;
}

/**
 * Why two devices may hold one key. `concurrent`: both are connected, as different clients from different networks. `alternating`:
 * connections come in turn from networks that were left before.
 */
export type CloneSign = 'concurrent' | 'alternating';

/** What is done about it. */
export type CloneResponse = 'off' | 'alert' | 'refuse' | 'quarantine';

export interface AlternationLimits {
  readonly windowMs: number;
  readonly returnsMax: number;
}

/** Another device is connected at this very moment: the same client from elsewhere is a device that has moved. */
export function isConcurrent(connect: Seen, live: Iterable<Omit<Seen, 'atMs'>>): boolean {
  for (const other of live)
    if (other.clientId !== connect.clientId && other.network !== connect.network) return true;
  return false;
}

/**
 * Whether the changes of network within the window, oldest first, come back to networks that were left before, `returnsMax` times, and to
 * more than one of them. A device that roams comes from ever new networks, or back to one: its home.
 */
export function isAlternating(changes: readonly Seen[], nowMs: number, limits: AlternationLimits): boolean {
  if (changes.length < 4) return false; // from A, B, A and B
  const left = new Set<string>();
  const returnedTo = new Set<string>();
  let returns = 0;
  let current: string | undefined;
  for (const { atMs, network } of changes) {
    if (atMs < nowMs - limits.windowMs || network === current) continue;
    if (current !== undefined) left.add(current);
    current = network;
    if (!left.has(network)) continue;
    returnedTo.add(network);
    returns++;
  }
  return returns >= limits.returnsMax && returnedTo.size > 1;
}

const strictness: readonly CloneResponse[] = ['off', 'alert', 'refuse', 'quarantine'];

/** Of the groups that have one the strictest; else the one for all. */
export function responseOf(
  groupNames: Iterable<string>,
  { response, responses }: CloneResponses,
): CloneResponse {
  const named = new Set(groupNames);
  const own = responses.filter(({ groupName }) => named.has(groupName)).map((one) => one.response);
  return own.length === 0 ? response : strictness[Math.max(...own.map((one) => strictness.indexOf(one)))]!;
}

export interface CloneResponses {
  readonly response: CloneResponse;
  readonly responses: readonly { readonly groupName: string; readonly response: CloneResponse }[];
}

/** For the operator, and for the denial of whom it shuts out. */
export function explainSign(sign: CloneSign, connect: { readonly network: string }): string {
  const what =
    sign === 'concurrent'
      ? `it is connected from another network, as another client, while it connects from ${connect.network}`
      : 'its connections come in turn from networks it had left before';
  return `two devices may hold the key of this certificate: ${what}`;
}
