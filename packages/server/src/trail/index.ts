export { TrailError } from './errors.ts';
export type { Actor, TrailEvent } from './rules.ts';
export { createTrail, type Trail, type TrailOptions } from './service.ts';
