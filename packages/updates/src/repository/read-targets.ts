import { type Target, targetOf } from '../client/target.ts';
import { defaultLimits } from '../limits.ts';
import { parseTargets } from '../metadata/parse.ts';

/** The targets of a file as it lists them. Nothing is verified here: for showing, and for what was verified before. */
export function readTargets(bytes: Uint8Array): readonly Target[] {
  return Object.values(parseTargets(bytes, defaultLimits.targetsBytesMax).signed.targets).map(targetOf);
}
