import type { Command } from 'commander';
import { addNoun } from '../define.ts';
import type { Shell } from '../shell.ts';
import { addTrailCheckpoint, addTrailExport, addTrailPublicKey } from './trail-export.ts';
import { addTrailList } from './trail-list.ts';
import { addTrailVerify } from './trail-verify.ts';

/** `fleetward trail …`: the hash-chained record of what was done. */
export function addTrail(program: Command, shell: Shell): void {
  const noun = addNoun(program, 'trail', 'the hash-chained record of what was done');
  addTrailList(noun, shell);
  addTrailExport(noun, shell);
  addTrailVerify(noun, shell);
  addTrailCheckpoint(noun, shell);
  addTrailPublicKey(noun, shell);
}
