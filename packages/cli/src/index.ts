export { createProgram } from './program.ts';
export { renderReference } from './reference.ts';
export { run } from './run.ts';
export type { Terminal } from './terminal.ts';
