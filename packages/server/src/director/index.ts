export type { DirectorErrorCode } from './errors.ts';
export { directorHandlers } from './http.ts';
export { newestFit } from './rules.ts';
export { Director } from './service.ts';
