import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

// Source and build hold the same tree; only the ending differs.
const entry = (folder: string) =>
  fileURLToPath(new URL(`./${folder}/main${extname(import.meta.url)}`, import.meta.url));

/** File of the agent's program, for `node [--conditions=fleetward-source] FILE --config FILE [--once]`. */
export const agentProgram: string = entry('agent');
/** File of the starter's program, for `node [--conditions=fleetward-source] FILE --slots FOLDER -- PROGRAM {image}`. */
export const starterProgram: string = entry('starter');
