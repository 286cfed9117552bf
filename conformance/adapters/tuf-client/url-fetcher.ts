import type { Fetcher } from '@fleetward/updates';

const withinMs = 30_000;

/** Fetches from two base URLs. The paths it is asked for begin with `metadata/` or `targets/`, and are escaped already. */
export function urlFetcher(bases: {
  readonly metadata: string;
  readonly targets: string | undefined;
}): Fetcher {
  return {
    async fetch(path) {
      const slash = path.indexOf('/');
      const base = path.startsWith('metadata/') ? bases.metadata : (bases.targets ?? '');
      const url = `${base.replace(/\/$/, '')}${path.slice(slash)}`;
      const signal = AbortSignal.timeout(withinMs);
      const answer = await fetch(url, { redirect: 'error', signal });
      if (answer.status === 404) return { kind: 'absent' };
      if (!answer.ok || answer.body === null)
        return { kind: 'unreachable', explanation: `${url} answered ${answer.status}` };
      return { kind: 'stream', chunks: answer.body };
    },
  };
}
