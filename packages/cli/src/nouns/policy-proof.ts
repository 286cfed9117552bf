import type {
  Addition,
  DeadStatements,
  DecidedRequest,
  Patterns,
  PolicyDiff,
  Proof,
} from '@fleetward/policy';
import type { Output } from '../output.ts';
import { printable } from '../printable.ts';
import type { Shell } from '../shell.ts';

const COLOURS = { yes: 'green', no: 'red', undecided: 'yellow' } as const;

/** A proof's answer; the requests of a counter-example as `policy decide` reads them. */
export function showProof(proof: Proof, { output, exitWith }: Pick<Shell, 'output' | 'exitWith'>): void {
  if (proof.verdict !== 'yes') exitWith(1);
  if (output.json) {
    output.done(proof, '');
    return;
  }
  output.line(`${output.mark(proof.verdict, COLOURS[proof.verdict])}: ${printable(proof.summary)}`);
  for (const request of proof.counterExample?.requests ?? []) output.line(requestText(request));
  showAssumptions(proof.assumptions, output);
}

/** The requests of a counter-example, one a line, as `policy decide` reads them. */
export function requestLines({ counterExample }: Proof): string {
  const requests = counterExample?.requests ?? [];
  return requests
    .map(({ action, resource, context }) => `${JSON.stringify({ action, resource, context })}\n`)
    .join('');
}

/** Statements that change nothing, each where it stands. */
export function showDead(
  found: DeadStatements,
  { shell: { output, exitWith }, files }: { readonly shell: Shell; readonly files: readonly string[] },
): void {
  if (found.dead.length > 0 || found.undecided.length > 0) exitWith(1);
  if (output.json) {
    output.done(found, '');
    return;
  }
  for (const { policyName, path, sid, effect, why } of found.dead) {
    const name = sid === undefined ? effect : `${effect} ${sid}`;
    const reason =
      why === 'unmatchable'
        ? 'no request matches it'
        : 'wherever it matches, the others decide the same without it';
    output.line(printable(`${policyName}:${path}: ${name}: ${reason}`));
  }
  for (const { policyName, path } of found.undecided)
    output.line(printable(`${policyName}:${path}: ${found.reason}`));
  if (found.dead.length > 1) output.note('all of them can be taken out together');
  if (found.dead.length + found.undecided.length === 0)
    output.note(`every statement of ${files.join(', ')} changes something`);
  showAssumptions(found.assumptions, output);
}

/** What is newly allowed: a line for each pattern, and below what is not of it. */
export function showDiff(diff: PolicyDiff, { output, exitWith }: Pick<Shell, 'output' | 'exitWith'>): void {
  if (diff.additions.length > 0 || !diff.isExact) exitWith(1);
  if (output.json) {
    output.done(diff, '');
    return;
  }
  for (const addition of diff.additions)
    for (const line of additionLines(addition)) output.line(printable(line));
  if (diff.reason !== undefined) output.line(`not exact: ${diff.reason}`);
  if (diff.additions.length === 0 && diff.isExact)
    output.note('the new policies allow nothing that the old ones did not');
  showAssumptions(diff.assumptions, output);
}

function additionLines({ actions, pattern, within, except }: Addition): readonly string[] {
  return [
    `+ ${actions.join(', ')} ${patternText(pattern)}`,
    ...(within === undefined ? [] : [`    only within ${patternText(within)}`]),
    ...except.map((patterns) => `    except ${patternText(patterns)}`),
  ];
}

function patternText({ scope, resources, when }: Patterns): string {
  const list = resources.join(', ');
  return `${scope === 'except' ? `everything but ${list}` : list}${when.length === 0 ? '' : ` when ${when.join(' and ')}`}`;
}

function requestText({
  by,
  action,
  resource,
  context,
  nowMs,
  decision,
  explanation,
}: DecidedRequest): string {
  const request = JSON.stringify({ action, resource, context });
  const at = nowMs === undefined ? '' : ` at ${new Date(nowMs).toISOString()}`;
  return (
    printable(`  ${by === 'this' ? '' : `${by}: `}${decision}: ${explanation}`) +
    `\n    ${printable(request)}${at}`
  );
}

function showAssumptions(assumptions: readonly string[], output: Output): void {
  for (const assumption of assumptions) output.note(`taken for granted: ${assumption}`);
}
