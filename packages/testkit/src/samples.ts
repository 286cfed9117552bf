/**
 * How many samples a test of chance takes: `quick` in each `npm test`, `thorough` with `FLEETWARD_THOROUGH=1`. Each run draws others, so that many
 * quick ones see what a thorough one does.
 */
export function samples({ quick, thorough }: { readonly quick: number; readonly thorough: number }): number {
  return process.env.FLEETWARD_THOROUGH === '1' ? thorough : quick;
}
