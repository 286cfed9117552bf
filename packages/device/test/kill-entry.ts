// Loaded before the agent or the starter (`--import`): kills the process right before its nth rename or sync of a file or
// folder, once for all processes that share `KILL_ONCE`, a folder that does not exist yet.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { KILL_PROGRAM = '', KILL_AT, KILL_ONCE = '' } = process.env;
let left = Number(KILL_AT);

function counted<Args extends readonly unknown[], Result>(call: (...args: Args) => Result) {
  return (...args: Args): Result => {
    if (--left === 0 && isFirst()) process.kill(process.pid, 'SIGKILL');
    return call(...args);
  };
}

function isFirst(): boolean {
  try {
    fs.mkdirSync(KILL_ONCE);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1]?.includes(KILL_PROGRAM)) {
  fs.renameSync = counted(fs.renameSync);
  fs.fsyncSync = counted(fs.fsyncSync);
  syncBuiltinESMExports();
}
