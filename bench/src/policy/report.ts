import { contenderNames } from './contender.ts';
import type { GlobFigures } from './glob-bench.ts';
import type { DecisionFigures } from './policy-bench.ts';

const titles = { fleetward: 'Fleetward', casbin: 'casbin', cedar: 'cedar-wasm' } as const;

/** The table of one comparison for people. */
export function formatDecisions(figures: DecisionFigures): string {
  const rows = contenderNames.map((name) => {
    const count = figures.decisionsPerSecond[name].toLocaleString('en').padStart(14);
    const ratio = name === 'fleetward' ? '' : `   Fleetward is at ${figures.ratios[name]}×`;
    return `  ${titles[name].padEnd(12)}${count} decisions/CPU second${ratio}`;
  });
  const asked = `${figures.requests} requests answered alike by all, ${figures.allowed} allowed; median of ${figures.rounds}`;
  return [`policy: ${figures.title}`, ...rows, `  ${asked}`, ''].join('\n');
}

export function formatGlobs(all: readonly GlobFigures[]): string {
  const rows = all.map(({ pattern, nanosecondsPerByte }) => {
    const cells = Object.entries(nanosecondsPerByte).map(([length, ns]) => `${length} bytes: ${ns}`);
    return `  ${pattern.padEnd(12)}${cells.map((cell) => cell.padStart(20)).join('')}`;
  });
  return ['policy: nanoseconds a byte, topics of `a` that do not match', ...rows, ''].join('\n');
}
