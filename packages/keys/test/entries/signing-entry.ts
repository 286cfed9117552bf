import { runSigningProcess } from '../../src/index.ts';

/** Stands in for the server's entry: a purpose that signs anything, one that reads its message, and lints gone wrong. */
await runSigningProcess({
  lints: {
    anything: () => undefined,
    'text-only': (message) => {
      if (message.some((byte) => byte < 0x20 || byte > 0x7e))
        throw new Error('the message is not printable text');
    },
    scribbling: (message) => {
      message.fill(0);
    },
    asynchronous: (async () => {
      await Promise.reject(new Error('too late'));
    }) as () => void,
    endless: () => {
      for (;;);
    },
    fatal: () => process.kill(process.pid, 'SIGKILL'),
  },
});
