import { destination, type Logger, pino } from 'pino';
import type { Config } from './config.ts';

export type Log = Logger;

/** JSON lines on standard error. Keys, tokens and payloads are never handed to it; the redaction is a second lock. */
export function createLog(level: Config['logLevel']): Log {
  const redact = [
    'authorization',
    'token',
    'secret',
    'password',
    'privateKey',
    '*.authorization',
    '*.token',
    '*.secret',
    '*.password',
    '*.privateKey',
  ];
  return pino(
    { level, base: null, redact, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    destination({ dest: 2, sync: false }),
  );
}
