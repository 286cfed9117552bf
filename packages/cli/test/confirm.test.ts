import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { confirm } from '../src/confirm.ts';
import type { Terminal } from '../src/terminal.ts';

/** Somebody at a terminal who types this. */
function typing(keys: string) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
  let shown = '';
  stderr.on('data', (chunk: Buffer) => {
    if (shown === '') setImmediate(() => stdin.write(keys));
    shown += chunk;
  });
  return { terminal: { stdin, stderr } as unknown as Terminal, shown: () => shown };
}

test('a question shows what would act on the terminal, and lets it do nothing', async () => {
  const { terminal, shown } = typing('y');
  const message = 'Certify the CA CN=pump\u001b[2K\u202e with the key 5f?';
  await confirm({ message, refused: 'nothing was signed', unasked: 'nobody can be asked' }, terminal);
  expect(shown()).toContain('CN=pump\\u{1b}[2K\\u{202e} with the key');
  expect(shown()).not.toContain('\u202e');
});

test('no is no, and what was not done is said', async () => {
  const { terminal } = typing('n');
  const asked = confirm({ message: 'Certify it?', refused: 'nothing was signed', unasked: '' }, terminal);
  await expect(asked).rejects.toMatchObject({
    code: 'cli.cancelled',
    message: 'cancelled: nothing was signed',
  });
});
