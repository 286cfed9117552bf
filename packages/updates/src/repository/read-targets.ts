import { type Target, targetOf } from '../client/target.ts';
import { defaultLimits } from '../limits.ts';
import { delegatedRoles } from '../metadata/delegation.ts';
import { parseTargets } from '../metadata/parse.ts';

/** The targets of a file as it lists them. Nothing is verified here: for showing, and for what was verified before. */
export function readTargets(bytes: Uint8Array): readonly Target[] {
  return Object.values(parseTargets(bytes, defaultLimits.targetsBytesMax).signed.targets).map(targetOf);
}

/** The roles that a list delegates to, in the order of their trust; as little verified as `readTargets`. */
export function readDelegatedNames(bytes: Uint8Array): readonly string[] {
  const { signed } = parseTargets(bytes, defaultLimits.targetsBytesMax);
  return delegatedRoles(signed).map(({ name }) => name);
}
