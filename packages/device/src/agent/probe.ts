import { spawn } from 'node:child_process';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** How the health of the running image is asked. `timeoutMs` ends a probe that hangs: it counts as failed. */
export type ProbeSettings =
  | { readonly kind: 'http'; readonly url: string; readonly timeoutMs: number }
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly timeoutMs: number };

export type ProbeResult =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'unhealthy'; readonly explanation: string };

/** Asks once: an HTTP status from 200 to 299, or a command that ends with code 0 (no shell reads it). */
export function probeHealth(settings: ProbeSettings): Promise<ProbeResult> {
  return settings.kind === 'http' ? probeHttp(settings) : probeCommand(settings);
}

function probeHttp({ url, timeoutMs }: Extract<ProbeSettings, { kind: 'http' }>): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
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

function probeCommand({
  command,
  timeoutMs,
}: Extract<ProbeSettings, { kind: 'command' }>): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL' });
  child.once('error', ({ message }) => resolve(unhealthy(message)));
  child.once('exit', (code, signal) => {
    const end =
      signal === null ? `ended with code ${code}` : `was ended by ${signal} (limit ${timeoutMs} ms)`;
    resolve(code === 0 ? { kind: 'healthy' } : unhealthy(`\`${program}\` ${end}`));
  });
  return promise;
}

function unhealthy(explanation: string): ProbeResult {
  return { kind: 'unhealthy', explanation };
}
