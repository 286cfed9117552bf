import { join } from 'node:path';
import { needs, runProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';

const commands = join(import.meta.dirname, '../commands.sh');

for (const shell of ['bash', 'zsh']) {
  needs(shell, shell).describe(`the commands of the documentation in ${shell}`, () => {
    test('are not made outside the clone, which is said in one line', async () => {
      using folder = temporaryFolder('fleetward-commands-');
      const script = `. '${commands}'; echo "status $?"; typeset -f fleetward fleetward-agent fleetward-starter`;
      const { stdout, stderr } = await runProgram(shell, ['-c', script], { folder: folder.path });
      expect(stdout.toString()).toBe('status 1\n');
      expect(stderr).toMatch(/^[^\n]*cd CLONE[^\n]*\n$/);
    });
  });
}
