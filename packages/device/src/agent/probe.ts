import { spawn } from 'node:child_process';
import { request as requestHttps } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { http } from '../node-http.ts';
import { killGroup } from './kill-group.ts';

/** How the health of the running image is asked. `timeoutMs` ends a probe that hangs: it counts as failed. */
export type ProbeSettings =
  | { readonly kind: 'http'; readonly url: string; readonly timeoutMs: number }
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly timeoutMs: number }
  /** Its process runs for so long without a break. */
  | { readonly kind: 'process'; readonly forMs: number }
  /** The platform can be reached, beside the image that runs. */
  | { readonly kind: 'platform'; readonly timeoutMs: number }
  /** One after the other; the first that fails decides. */
  | { readonly kind: 'all'; readonly probes: readonly ProbeSettings[] };

export type ProbeResult =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'unhealthy'; readonly explanation: string };

export interface ProbeParts {
  /** Asks the platform for anything; rejects when it does not answer. */
  askPlatform(signal: AbortSignal): Promise<unknown>;
  /** Which version is to run: a command finds it in `FLEETWARD_VERSION`. */
  readonly version: string;
}

/** Asks once: an HTTP status from 200 to 299, a command that ends with code 0 (no shell reads it), and so on. */
export async function probeHealth(settings: ProbeSettings, parts: ProbeParts): Promise<ProbeResult> {
  switch (settings.kind) {
    case 'http':
      return probeHttp(settings);
    case 'command':
      return probeCommand(settings, parts);
    case 'process':
      await pause(settings.forMs); // whoever asks looks at the process before and after any probe
      return { kind: 'healthy' };
    case 'platform':
      return probePlatform(settings, parts);
    case 'all':
      for (const probe of settings.probes) {
        const result = await probeHealth(probe, parts);
        if (result.kind === 'unhealthy') return result;
      }
      return { kind: 'healthy' };
  }
}

function probeHttp({ url, timeoutMs }: Extract<ProbeSettings, { kind: 'http' }>): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const request = url.startsWith('https:') ? requestHttps : http.request;
  const signal = AbortSignal.timeout(timeoutMs);
  const call = request(url, { signal, agent: false }, (answer) => {
    const status = answer.statusCode ?? 0;
    const isGood = status >= 200 && status < 300;
    resolve(isGood ? { kind: 'healthy' } : unhealthy(`\`${url}\` answered ${status}`));
    answer.destroy(); // its body does not matter
  });
  call.on('error', ({ message }) =>
    resolve(unhealthy(signal.aborted ? `\`${url}\` did not answer within ${timeoutMs} ms` : message)),
  );
  call.end();
  return promise;
}

/** In a process group of its own, so that nothing it started outlives a probe that hangs. */
function probeCommand(
  { command, timeoutMs }: Extract<ProbeSettings, { kind: 'command' }>,
  { version }: ProbeParts,
): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const [program = '', ...args] = command;
  const env = { ...process.env, FLEETWARD_VERSION: version };
  const child = spawn(program, args, { stdio: 'ignore', detached: true, env });
  const timer = setTimeout(() => killGroup(child), timeoutMs);
  child.once('error', ({ message }) => {
    clearTimeout(timer);
    resolve(unhealthy(message));
  });
  child.once('exit', (code, signal) => {
    clearTimeout(timer);
    const end =
      signal === null ? `ended with code ${code}` : `was ended by ${signal} (limit ${timeoutMs} ms)`;
    resolve(code === 0 ? { kind: 'healthy' } : unhealthy(`\`${program}\` ${end}`));
  });
  return promise;
}

async function probePlatform(
  { timeoutMs }: Extract<ProbeSettings, { kind: 'platform' }>,
  { askPlatform }: ProbeParts,
): Promise<ProbeResult> {
  try {
    await askPlatform(AbortSignal.timeout(timeoutMs));
    return { kind: 'healthy' };
  } catch (error) {
    return unhealthy(`the platform: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function unhealthy(explanation: string): ProbeResult {
  return { kind: 'unhealthy', explanation };
}
