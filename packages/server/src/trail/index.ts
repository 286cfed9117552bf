export { TrailError } from './errors.ts';
export { type Actor, type TrailEvent, type TrailKind, trailKinds } from './rules.ts';
export { createTrail, type Trail, type TrailOptions } from './service.ts';
