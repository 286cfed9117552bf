import { writeFileSync } from 'node:fs';
import { needs, runProgram } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { openCli } from './cli.ts';

needs('bash', 'bash').describe('completion in bash', () => {
  test.for([
    { typed: ['guar'], offers: ['guardrail'] },
    { typed: ['thing', ''], offers: ['create', 'list', 'show', 'attach-certificate', 'detach-certificate'] },
    { typed: ['thing', 'sh'], offers: ['show'] },
    { typed: ['--json', 'policy', 'set'], offers: ['set-default'] },
    { typed: ['cert', 'revoke', 'x', '--rea'], offers: ['--reason'] },
    { typed: ['cert', 'revoke', 'x', '--reason', 'key'], offers: ['keyCompromise'] },
    { typed: ['ca', 'set-state', 'x', 'ret'], offers: ['retired'] },
    { typed: ['completion', 'f'], offers: ['fish'] },
    { typed: ['serve', '--config', ''], offers: [] },
  ])('$typed offers $offers', async ({ typed, offers }) => {
    using cli = openCli();
    const { stdout: script } = await cli.run(['completion', 'bash']);
    expect(await complete(script, typed)).toEqual(expect.arrayContaining([...offers]));
    if (offers.length < 2) expect(await complete(script, typed)).toHaveLength(offers.length);
  });
});

for (const shell of ['zsh', 'fish'] as const) {
  needs(shell, shell).describe(`completion in ${shell}`, () => {
    test('names every noun', async () => {
      using cli = openCli();
      const { stdout, code } = await cli.run(['completion', shell]);
      for (const noun of ['thing', 'policy', 'cert', 'release', 'trail'])
        expect(stdout).toContain(`'${noun}`);
      expect(code).toBe(0);
    });

    test('is a script the shell can read', async () => {
      using cli = openCli();
      const { stdout } = await cli.run(['completion', shell]);
      // From a file: fish does not read a script from a socket, which is what Node's pipes are.
      const script = cli.home.join('completion');
      writeFileSync(script, stdout);
      const outcome = await runProgram(shell, ['-n', script]);
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
    });
  });
}

needs('fish', 'fish').describe('fish itself', () => {
  test('offers the verbs of a noun', async () => {
    using cli = openCli();
    const { stdout: script } = await cli.run(['completion', 'fish']);
    const file = cli.home.join('try.fish');
    writeFileSync(file, `${script}\ncomplete --do-complete 'fleetward thing '\n`);
    const { stdout } = await runProgram('fish', ['--no-config', file]);
    const offered = stdout
      .toString()
      .split('\n')
      .map((line) => line.split('\t')[0]);
    expect(offered).toEqual(expect.arrayContaining(['create', 'list', 'show']));
  });
});

async function complete(script: string, typed: readonly string[]): Promise<readonly string[]> {
  const words = ['fleetward', ...typed].map((word) => `'${word}'`).join(' ');
  const input = `${script}\nCOMP_WORDS=(${words})\nCOMP_CWORD=${typed.length}\n_fleetward\nprintf '%s\\n' "\${COMPREPLY[@]}"\n`;
  const { stdout, stderr } = await runProgram('bash', ['--norc'], { input });
  expect(stderr).toBe('');
  return stdout
    .toString()
    .split('\n')
    .filter((word) => word !== '');
}
