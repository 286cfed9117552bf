import { runProgram } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { repository } from './cli.ts';

test('docs/reference/cli.md says what the program does', async () => {
  const args = ['--conditions=fleetward-source', 'tools/docs-cli.ts', '--check'];
  const outcome = await runProgram(process.execPath, args, { folder: repository });
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
});
