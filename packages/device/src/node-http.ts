/**
 * `node:http` without its price: `import` reads each of its members, and some of them load all that `fetch` is made of. That was a
 * quarter of the time in which the agent starts, and some of its memory.
 */
export const http: typeof import('node:http') = process.getBuiltinModule('node:http');
