export { Presence } from './presence.ts';
export type { PresenceState } from './store.ts';
export { presenceView } from './view.ts';
