export { detectionHandlers } from './http.ts';
export type { Detection } from './kept.ts';
export { type DetectionEvent, Detections, type Newcomer, type NewcomerVerdict } from './service.ts';
export { UnloggedCertificates } from './unlogged.ts';
