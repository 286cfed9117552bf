import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '@fleetward/testkit';

/** What a test in it calls its folder for temporary files lies on a disk of its own. */
export async function onSmallDisk(megabytes: number, work: (disk: string) => Promise<void>): Promise<void> {
  const disk = mkdtempSync(join(tmpdir(), 'fleetward-small-disk-'));
  const before = process.env.TMPDIR;
  const options = `size=${megabytes}m,mode=700`;
  try {
    const mounted = await runProgram('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]);
    // Without it the machine's own disk would be filled.
    if (mounted.code !== 0) throw new Error(`mount: ${mounted.stderr}`);
    process.env.TMPDIR = disk;
    await work(disk);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    await runProgram('umount', ['-l', disk]);
    rmdirSync(disk);
  }
}
