import { mkdirSync, writeFileSync } from 'node:fs';
import { lostByPowerCut, needs, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';

const source = (path: string) => JSON.stringify(new URL(`../src/${path}`, import.meta.url).href);

needs('strace', 'strace').describe('after a power cut nothing is gone', () => {
  test('of an artifact that a release names', async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.join('image'), 'firmware', { mode: 0o400 });
    const release = folder.join('engineer/releases');
    const script = `
      import { keepArtifact } from ${source('nouns/release-artifacts.ts')};
      const to = { folder: ${JSON.stringify(release)}, path: 'image-1', custom: {} };
      await keepArtifact(${JSON.stringify(folder.join('image'))}, to);
    `;
    const lost = await lostByPowerCut(['--input-type=module', '-e', script], {
      folder: folder.join('engineer'),
    });
    expect(lost).toEqual([]);
  });

  test('of what was exported', async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.join('out'));
    const out = folder.join('out/trail.jsonl');
    const script = `
      import { writeStream } from ${source('write-stream.ts')};
      await writeStream([Buffer.from('entries')], { out: ${JSON.stringify(out)} });
    `;
    const lost = await lostByPowerCut(['--input-type=module', '-e', script], { folder: folder.join('out') });
    expect(lost).toEqual([]);
  });

  test('of the lines that an import was refused', async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.join('out'));
    const script = `
      import { newRefusedLines } from ${source('nouns/refused-lines.ts')};
      const lines = newRefusedLines(${JSON.stringify(folder.join('out/mend.csv'))});
      lines.header(Buffer.from('name,type'));
      lines.add(Buffer.from('pump-1,none'));
      lines.close();
    `;
    const lost = await lostByPowerCut(['--input-type=module', '-e', script], { folder: folder.join('out') });
    expect(lost).toEqual([]);
  });
});
