import type { TrailVerdict } from '@fleetward/protocol';
import type { Shell } from '../shell.ts';

/** Prints what became of a verification; a broken trail makes the command exit with 1. */
export function showVerdict(verdict: TrailVerdict, { output, exitWith }: Shell): void {
  if (verdict.kind === 'broken') {
    const { seq, reason } = verdict;
    output.record(verdict, { trail: output.mark('broken', 'red'), 'last good entry': seq, why: reason });
    exitWith(1);
    return;
  }
  const { entries, erased, node, through } = verdict;
  output.record(verdict, {
    trail: output.mark('intact', 'green'),
    node,
    entries,
    ...(erased === 0 ? {} : { 'erased payloads': erased }),
    'vouched for': { atMs: through.at },
    'last hash': through.hash,
  });
}
