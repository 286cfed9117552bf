export { detectionHandlers } from './http.ts';
export { type DetectionEvent, Detections, type Newcomer, type NewcomerVerdict } from './service.ts';
