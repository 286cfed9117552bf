import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needs, runProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';

const read = (name: string) => readFileSync(join(import.meta.dirname, '../systemd', name), 'utf8');
const unit = read('fleetward-agent.service');

needs('systemd-analyze', 'systemd').describe("the agent's systemd unit", () => {
  const analyze = async (args: readonly string[], text = unit, name = 'fleetward-agent.service') => {
    using folder = temporaryFolder();
    const file = folder.join(name);
    // Its program is looked for; where a device has Node is not where this machine has it.
    writeFileSync(file, text.replaceAll('/usr/bin/node', process.execPath));
    // A socket is judged with what it starts.
    if (name.endsWith('.socket'))
      writeFileSync(folder.join('fleetward-installer@.service'), read('fleetward-installer@.service'));
    return await runProgram('systemd-analyze', [...args, file], { environment: { PATH: process.env.PATH } });
  };

  test('is one that systemd understands, every line of it', async () => {
    expect(await analyze(['verify', '--man=no'])).toMatchObject({ code: 0, stderr: '' });
    const misspelt = unit.replace('ProtectClock', 'ProtectClocks');
    expect((await analyze(['verify', '--man=no'], misspelt)).stderr).toMatch(/ProtectClocks/);
  });

  test.each(['fleetward-installer.socket', 'fleetward-installer@.service'])(
    'comes with an installer service: systemd understands %s',
    async (name) => {
      const given = name.replace('@', '@1');
      expect(await analyze(['verify', '--man=no'], read(name), given)).toMatchObject({ code: 0, stderr: '' });
    },
  );

  test('has beside it the unit of the starter in docs/device.md, which systemd understands', async () => {
    const document = readFileSync(join(import.meta.dirname, '../../../docs/device.md'), 'utf8');
    const [, fan = ''] = /^```ini\n(.*?)^```$/ms.exec(document) ?? [];
    expect(fan).toMatch(/starter\.mjs --slots/);
    expect(await analyze(['verify', '--man=no'], fan, 'fan.service')).toMatchObject({ code: 0, stderr: '' });
  });

  test('leaves the agent so little that systemd rates it below 2.0 of 10', async () => {
    const rate = (text?: string) => analyze(['security', '--offline=true', '--threshold=20'], text);
    expect((await rate()).stdout.toString()).toMatch(
      /Overall exposure level for fleetward-agent\.service: [01]\.\d/,
    );
    expect((await rate()).code).toBe(0);
    expect((await rate(unit.replaceAll(/^(Protect|Private|Restrict|SystemCall).*$/gm, ''))).code).toBe(1);
  });
});
