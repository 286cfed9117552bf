import { AppError } from '@fleetward/core';
import type { Config } from './config.ts';

/** A listener cannot take its address; the platform does not start. */
class ListenerError extends AppError<'listener.unavailable'> {}

/** Says which listener it was when the system refuses its address. */
export function naming(
  listener: keyof Config['listeners'],
  config: Config,
  start: () => Promise<number>,
): Promise<number> {
  return namingAt({ listener, setting: `listeners.${listener}`, at: config.listeners[listener] }, start);
}

/** The same of a listener with settings of its own. */
export async function namingAt(
  named: {
    readonly listener: string;
    readonly setting: string;
    readonly at: { readonly host: string; readonly port: number };
  },
  start: () => Promise<number>,
): Promise<number> {
  try {
    return await start();
  } catch (cause) {
    const { syscall = '', code = '' } = cause as NodeJS.ErrnoException;
    if (syscall !== 'listen' && syscall !== 'bind' && syscall !== 'getaddrinfo') throw cause;
    const { listener, setting, at } = named;
    const { host, port } = at;
    const message = `the listener \`${listener}\` cannot listen on \`${host}\`, port ${port}: ${adviceOn(code, setting)}`;
    throw new ListenerError('listener.unavailable', message, { cause, details: { listener, host, port } });
  }
}

function adviceOn(code: string, path: string): string {
  const setting = `--set ${path}`;
  switch (code) {
    case 'EADDRINUSE':
      return `the port is taken, by another program or another listener; choose one with \`${setting}.port=…\``;
    case 'EACCES':
      return `this user may not take the port; choose one from 1024 on with \`${setting}.port=…\``;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no such address; choose another with \`${setting}.host=…\``;
    default:
      return `the system says ${code}; choose another with \`${setting}.host=…\` or \`${setting}.port=…\``;
  }
}
