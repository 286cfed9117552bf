import { ThingsError } from './errors.ts';

/** Where a thing stands between factory and scrap. */
export const lifecycleStates = ['manufactured', 'provisioned', 'active', 'quarantined', 'retired'] as const;
export type LifecycleState = (typeof lifecycleStates)[number];

/** What each state may become. Nothing leaves `retired`; from `quarantined` an operator lets a thing back. */
const next: Readonly<Record<LifecycleState, readonly LifecycleState[]>> = {
  manufactured: ['provisioned', 'active', 'quarantined', 'retired'],
  provisioned: ['active', 'quarantined', 'retired'],
  active: ['quarantined', 'retired'],
  quarantined: ['provisioned', 'active', 'retired'],
  retired: [],
};

/** Whether the devices of such a thing may connect: named one by one, so that a state that is new here may not. */
export function maySpeak(state: LifecycleState): boolean {
  return state === 'manufactured' || state === 'provisioned' || state === 'active';
}

/** Throws `things.state_refused` for a change that the table above has not. */
export function assertTransition(from: LifecycleState, to: LifecycleState): void {
  if (next[from].includes(to)) return;
  const may = next[from].map((state) => `\`${state}\``).join(', ');
  const rest = may === '' ? 'it stays that for ever' : `it may become ${may}`;
  throw new ThingsError(
    'things.state_refused',
    `a thing that is \`${from}\` does not become \`${to}\`: ${rest}`,
  );
}
