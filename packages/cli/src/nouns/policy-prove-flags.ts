import { usage } from '../errors.ts';

export const PROPERTIES = ['no-cross-device', 'never', 'at-most', 'equal', 'diff', 'dead'] as const;

export type ProvableProperty = (typeof PROPERTIES)[number];

export interface ProveFlags {
  readonly policy?: readonly string[];
  readonly action?: string;
  readonly resource?: string;
  readonly shared?: readonly string[];
  readonly unique?: readonly string[];
  readonly exclusive: boolean;
  readonly states?: number;
  readonly requests?: string;
  readonly stored?: readonly string[];
}

export function questionOf({ action, resource }: ProveFlags) {
  if (action !== undefined && resource !== undefined) return { action, resource };
  throw usage('`never` needs `--action` and `--resource`');
}

export function sharing({ shared = [], unique = [], exclusive }: ProveFlags) {
  return { shared, unique, withoutExclusive: !exclusive };
}
